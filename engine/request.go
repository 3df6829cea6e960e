package engine

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"time"

	"github.com/sesame-auth/sesame/internal/wire"
)

// request is an HTTP request as read by the engine. It is used by one goroutine.
type request struct {
	*core
	r   *http.Request // never modified
	ctx context.Context
	now time.Time

	action     string // "session", "signin", …; "" in a handler of the application
	providerID string
	id         string // set by requestID

	cookies []wire.Cookie
	query   url.Values     // nil until parsed
	form    map[string]any // the body of a POST; nil without one
}

// truncate shortens untrusted text, so that it cannot fill the log.
func truncate(s string) string {
	if len(s) > 100 {
		return s[:100] + "…"
	}
	return s
}

// requestID returns the id of the request in the log: the X-Request-Id set by a
// proxy, or a random one.
func (q *request) requestID() string {
	if q.id != "" {
		return q.id
	}
	id := q.r.Header.Get("X-Request-Id")
	if !loggableID(id) {
		var b [8]byte
		if _, err := io.ReadFull(q.cfg.Rand, b[:]); err != nil {
			return "unknown"
		}
		id = hex.EncodeToString(b[:])
	}
	q.id = id
	return id
}

func loggableID(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	for i := range len(id) {
		switch c := id[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case c == '-', c == '.', c == '_', c == ':', c == '/', c == '+', c == '=':
		default:
			return false
		}
	}
	return true
}

// report logs the one line of a failed request.
func (q *request) report(e *Error) {
	level := slog.LevelError
	if e.benign {
		level = slog.LevelWarn
	}
	attrs := []slog.Attr{slog.String("request_id", q.requestID())}
	if e.Code != "" {
		attrs = append(attrs, slog.String("code", e.Code))
	}
	if q.action != "" {
		attrs = append(attrs, slog.String("action", q.action))
	}
	if q.providerID != "" {
		attrs = append(attrs, slog.String("provider", truncate(q.providerID)))
	}
	if e.Err != nil {
		attrs = append(attrs, slog.String("cause", e.Err.Error()))
	}
	if e.Hint != "" {
		attrs = append(attrs, slog.String("hint", e.Hint))
	}
	if e.stack != "" {
		attrs = append(attrs, slog.String("stack", e.stack))
	}
	q.cfg.Logger.LogAttrs(q.ctx, level, "auth: "+e.Type, attrs...)
}

// runEvent runs an event. An error is logged and otherwise ignored.
func (q *request) runEvent(name string, run func() error) {
	if err := guard(run); err != nil {
		e := fail("", "EventError", fmt.Errorf("%s event: %w", name, err), "the request continued")
		var panicked *Error
		if errors.As(err, &panicked) {
			e.stack = panicked.stack
		}
		q.report(e)
	}
}

// maxBody is the largest accepted body, in bytes.
const maxBody = 64 << 10

var (
	errTooLarge  = errors.New("the body is larger than 64 KiB")
	errMalformed = errors.New("the body is not valid JSON")
)

// readBody parses the body of a POST: a form, or a JSON object. Anything else is
// ignored (WIRE.md section 2.1). The last of repeated members wins.
func (q *request) readBody(w http.ResponseWriter) error {
	mediaType, _, _ := mime.ParseMediaType(q.r.Header.Get("Content-Type"))
	if mediaType != "application/json" && mediaType != "application/x-www-form-urlencoded" {
		return nil
	}
	if q.r.ContentLength > maxBody {
		return errTooLarge
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, q.r.Body, maxBody))
	if err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return errTooLarge
		}
		return err
	}
	if mediaType == "application/json" {
		if len(body) == 0 {
			return nil
		}
		var v any
		if err := json.Unmarshal(body, &v); err != nil {
			return errMalformed
		}
		q.form, _ = v.(map[string]any)
		return nil
	}
	values, _ := url.ParseQuery(string(body)) // ignores invalid pairs
	q.form = make(map[string]any, len(values))
	for name, v := range values {
		q.form[name] = v[len(v)-1]
	}
	return nil
}

// formValue returns a text member of the body; "" if it is absent or not text.
func (q *request) formValue(name string) string {
	s, _ := q.form[name].(string)
	return s
}

// queryValue returns a query parameter; the last of repeated ones wins.
func (q *request) queryValue(name string) string {
	if q.query == nil {
		if q.r.URL.RawQuery == "" {
			return ""
		}
		q.query = q.r.URL.Query()
	}
	if v := q.query[name]; len(v) > 0 {
		return v[len(v)-1]
	}
	return ""
}

// queryValues returns the query with the last of repeated parameters only.
func (q *request) queryValues() url.Values {
	q.queryValue("")
	out := make(url.Values, len(q.query))
	for name, v := range q.query {
		out[name] = v[len(v)-1:]
	}
	return out
}

func (q *request) hasCookie(name string) bool {
	for i := range q.cookies {
		if q.cookies[i].Name == name {
			return true
		}
	}
	return false
}

// cookieValue returns the decoded value of a cookie of the request, or "".
func (q *request) cookieValue(name string) string {
	v, _ := wire.CookieValue(q.cookies, name)
	return v
}

// onPage reports whether the answer is an HTML page.
func (q *request) onPage() bool {
	if q.r.Method != http.MethodGet {
		return false
	}
	switch q.action {
	case "signin", "signout", "error", "verify-request":
		return true
	}
	return false
}
