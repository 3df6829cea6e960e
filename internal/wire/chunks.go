package wire

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ChunkSize returns the maximum length of the part of a session token in one
// cookie, in characters.
func (d Dialect) ChunkSize() int { return d.traits().chunkSize }

// MaxChunks is the maximum number of chunks of a session token.
const MaxChunks = 16

// MaxTokenSize is the maximum length of a token, in characters. Longer ones are
// invalid. It is what fits into MaxChunks cookies of V5, which has the larger
// chunks.
const MaxTokenSize = 3936 * MaxChunks

// SessionCookie returns the session token in cookies: the chunks name.0, name.1,
// … joined, if they are complete (no gap, at most MaxChunks), or else the cookie
// name. It ignores other names that begin with name (WIRE.md section 12 row 3)
// and all but the first cookie of a name. It returns "" if there is no token or
// if the token is longer than MaxTokenSize.
func SessionCookie(cookies []Cookie, name string) string {
	var (
		plain  string
		chunks [MaxChunks]string
		have   [MaxChunks]bool
		last   = -1 // highest index
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

// chunkIndex parses the suffix of a chunk's name, ".0" to ".9999" without leading
// zeros.
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

// maxCookie is the size of a cookie with its attributes, in bytes, that every
// browser supports (RFC 6265 section 6.1).
const maxCookie = 4096

// chunkSize returns ChunkSize, or less if the name and Domain are so long that a
// chunk would not fit. Auth.js joins chunks of any size.
func (d Dialect) chunkSize(like SetCookie) int {
	like.Name += ".00"
	return min(d.ChunkSize(), maxCookie-len(like.Append(nil)))
}

// SetSessionCookie appends the cookies that store token: one cookie like like, or
// several with the names of chunks if the token is too long for one. It also
// appends cookies that clear all others in the request that are named like.Name
// or like.Name.<digits>. The order is that of Auth.js: names in the request, in
// its order, then new names. If Expires is zero, the cookies last until the
// browser is closed. An empty token only clears cookies. SetSessionCookie returns
// an error if the token needs more than MaxChunks chunks.
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
	cleared := dst[start:]
	for i := range chunks[:n] {
		if at := cookieIndex(cleared, chunks[i].Name); at >= 0 {
			cleared[at] = chunks[i]
		} else {
			dst = append(dst, chunks[i])
		}
	}
	return dst, nil
}

// ClearSessionCookie appends cookies that clear those of the request that are
// named like.Name or like.Name.<digits> (at most four digits), in its order.
func ClearSessionCookie(dst []SetCookie, request []Cookie, like SetCookie) []SetCookie {
	like.Value, like.MaxAge, like.Expires, like.Clear = "", 0, time.Time{}, true
	start := len(dst)
	for i := range request {
		name := request[i].Name
		suffix, ok := strings.CutPrefix(name, like.Name)
		if ok && (suffix == "" || chunkSuffix(suffix)) && cookieIndex(dst[start:], name) < 0 {
			cleared := like
			cleared.Name = name
			dst = append(dst, cleared)
		}
	}
	return dst
}

func cookieIndex(cookies []SetCookie, name string) int {
	for i := range cookies {
		if cookies[i].Name == name {
			return i
		}
	}
	return -1
}
