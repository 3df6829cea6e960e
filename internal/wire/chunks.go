package wire

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ChunkSize is the most characters of a session token in one cookie.
func (d Dialect) ChunkSize() int { return d.traits().chunkSize }

// MaxChunks is the most chunks of a session token that are read or written.
const MaxChunks = 16

// MaxTokenSize is the most characters of a token that is looked at: what fits
// into MaxChunks cookies of V5, whose chunks are the larger ones.
const MaxTokenSize = 3936 * MaxChunks

// SessionCookie joins the session token from the cookies: the chunks name.0,
// name.1, … when they are complete (no gap, not more than MaxChunks), else the
// cookie name. Other names that begin with name are not looked at (WIRE.md
// section 12 row 3), and neither is a second cookie of a name. "" when there is
// none, and when it is longer than MaxTokenSize.
func SessionCookie(cookies []Cookie, name string) string {
	var (
		plain  string
		chunks [MaxChunks]string
		have   [MaxChunks]bool
		last   = -1 // highest index seen
	)
	havePlain := false
	for i := range cookies {
		c := &cookies[i]
		suffix, ok := strings.CutPrefix(c.Name, name)
		switch {
		case !ok:
		case suffix == "":
			if !havePlain {
				plain, havePlain = c.Value, true
			}
		default:
			n, ok := chunkIndex(suffix)
			if !ok {
				continue
			}
			last = max(last, n)
			if n < MaxChunks && !have[n] {
				chunks[n], have[n] = c.Value, true
			}
		}
	}
	complete := 0 <= last && last < MaxChunks
	size := 0
	for n := 0; complete && n <= last; n++ {
		complete = have[n]
		size += len(chunks[n])
	}
	if !complete {
		return capped(unescape(plain))
	}
	if last == 0 {
		return capped(unescape(chunks[0]))
	}
	var b strings.Builder
	b.Grow(size)
	for _, c := range chunks[:last+1] {
		b.WriteString(unescape(c))
	}
	return capped(b.String())
}

func capped(token string) string {
	if len(token) > MaxTokenSize {
		return ""
	}
	return token
}

// chunkIndex reads the suffix of a chunk's name, ".0" to ".9999", written
// without leading zeros.
func chunkIndex(suffix string) (int, bool) {
	if !chunkSuffix(suffix) || suffix[1] == '0' && len(suffix) > 2 {
		return 0, false
	}
	n, err := strconv.Atoi(suffix[1:])
	return n, err == nil
}

// chunkSuffix reports whether suffix is a dot and one to four digits.
func chunkSuffix(suffix string) bool {
	if len(suffix) < 2 || len(suffix) > 5 || suffix[0] != '.' {
		return false
	}
	for _, c := range []byte(suffix[1:]) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// maxCookie is the most bytes of a cookie with its attributes that every
// browser takes (RFC 6265 section 6.1).
const maxCookie = 4096

// chunkSize is ChunkSize, or less where a long name or Domain takes the room.
// Auth.js joins chunks of any size.
func (d Dialect) chunkSize(like SetCookie) int {
	like.Name += ".00"
	return min(d.ChunkSize(), maxCookie-len(like.Append(nil)))
}

// SetSessionCookie appends the cookies that store token, each of which is as
// like, with a name of its own when the token is so long that it is cut into
// chunks; and those that clear what else the request holds under like.Name or
// like.Name.<digits>. They stand in the order of Auth.js: what the request
// holds, in its order, then the new names. A zero Expires makes browser-session
// cookies; an empty token only clears. It is an error when the token needs more
// than MaxChunks chunks.
func (d Dialect) SetSessionCookie(dst []SetCookie, request []Cookie, like SetCookie, token string) ([]SetCookie, error) {
	like.Value, like.Clear = "", false
	chunkSize := d.chunkSize(like)
	if len(token) > MaxChunks*chunkSize {
		return dst, fmt.Errorf("wire: a session token of %d characters does not fit into %d cookies of %d: keep less in the token", len(token), MaxChunks, chunkSize)
	}
	var chunks [MaxChunks]SetCookie
	n := 0
	if token != "" && len(token) <= chunkSize {
		chunks[0] = like
		chunks[0].Value = token
		n = 1
	} else {
		for ; token != ""; n++ {
			size := min(len(token), chunkSize)
			chunks[n] = like
			chunks[n].Name, chunks[n].Value = like.Name+"."+strconv.Itoa(n), token[:size]
			token = token[size:]
		}
	}
	start := len(dst)
	dst = ClearSessionCookie(dst, request, like)
	held := dst[start:]
	for i := range chunks[:n] {
		if at := cookieAt(held, chunks[i].Name); at >= 0 {
			held[at] = chunks[i]
		} else {
			dst = append(dst, chunks[i])
		}
	}
	return dst, nil
}

// ClearSessionCookie appends the cookies that clear what the request holds
// under like.Name or like.Name.<digits> (at most four), in its order.
func ClearSessionCookie(dst []SetCookie, request []Cookie, like SetCookie) []SetCookie {
	like.Value, like.MaxAge, like.Expires, like.Clear = "", 0, time.Time{}, true
	start := len(dst)
	for i := range request {
		held := request[i].Name
		suffix, ok := strings.CutPrefix(held, like.Name)
		if ok && (suffix == "" || chunkSuffix(suffix)) && cookieAt(dst[start:], held) < 0 {
			cleared := like
			cleared.Name = held
			dst = append(dst, cleared)
		}
	}
	return dst
}

func cookieAt(cookies []SetCookie, name string) int {
	for i := range cookies {
		if cookies[i].Name == name {
			return i
		}
	}
	return -1
}
