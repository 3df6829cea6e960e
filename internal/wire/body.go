package wire

import (
	"time"

	"github.com/sesame-auth/sesame/engine/schema"
)

// Body is the body of GET session for a signed-in user (WIRE.md section 5).
type Body struct {
	Name, Email, Image Text
	Expires            time.Time
	// User and Session are further members of the user object and of the body,
	// in order. The browser must be allowed to see them. Their values are
	// canonical (package schema).
	User, Session []Member
}

// Text is a string member that may be null or absent.
type Text struct {
	Value *string
	Null  bool // if Value is nil, write null instead of omitting the member
}

// Member is a named value.
type Member struct {
	Name  string
	Value any
}

// AppendSession appends the body of GET session. A nil Body means that nobody is
// signed in; it is written as null with V5 and as {} with V4.
func (d Dialect) AppendSession(dst []byte, b *Body) []byte {
	if b == nil {
		return append(dst, d.traits().signedOut...)
	}
	dst = append(dst, `{"user":{`...)
	start := len(dst)
	dst = b.Name.append(dst, start, "name")
	dst = b.Email.append(dst, start, "email")
	dst = b.Image.append(dst, start, "image")
	for i := range b.User {
		dst = appendName(dst, start, b.User[i].Name)
		dst = schema.AppendJSON(dst, b.User[i].Value)
	}
	dst = append(dst, `},"expires":"`...)
	dst = schema.AppendTime(dst, b.Expires)
	dst = append(dst, '"')
	for i := range b.Session {
		dst = appendName(dst, 0, b.Session[i].Name)
		dst = schema.AppendJSON(dst, b.Session[i].Value)
	}
	return append(dst, '}')
}

func (t Text) append(dst []byte, start int, name string) []byte {
	switch {
	case t.Value != nil:
		dst = appendName(dst, start, name)
		return schema.AppendString(dst, *t.Value)
	case t.Null:
		dst = appendName(dst, start, name)
		return append(dst, "null"...)
	}
	return dst
}

// appendName appends the name of a member to the object whose first member begins
// at start.
func appendName(dst []byte, start int, name string) []byte {
	if len(dst) > start {
		dst = append(dst, ',')
	}
	dst = schema.AppendString(dst, name)
	return append(dst, ':')
}

// AppendCSRF appends the body of GET csrf.
func AppendCSRF(dst []byte, token string) []byte { return appendOnly(dst, "csrfToken", token) }

// AppendURL appends the body of the response to a request that asks for JSON
// instead of a redirect (WIRE.md section 2.3).
func AppendURL(dst []byte, url string) []byte { return appendOnly(dst, "url", url) }

func appendOnly(dst []byte, name, value string) []byte {
	dst = append(dst, '{')
	dst = appendName(dst, len(dst), name)
	dst = schema.AppendString(dst, value)
	return append(dst, '}')
}

// ProviderBody is a provider in the body of GET providers.
type ProviderBody struct{ ID, Name, Type, SignInURL, CallbackURL string }

// AppendProviders appends the body of GET providers, in the given order.
func AppendProviders(dst []byte, ps []ProviderBody) []byte {
	dst = append(dst, '{')
	start := len(dst)
	for i := range ps {
		p := &ps[i]
		dst = appendName(dst, start, p.ID)
		dst = append(dst, '{')
		in := len(dst)
		for _, m := range [...][2]string{{"id", p.ID}, {"name", p.Name}, {"type", p.Type}, {"signinUrl", p.SignInURL}, {"callbackUrl", p.CallbackURL}} {
			dst = appendName(dst, in, m[0])
			dst = schema.AppendString(dst, m[1])
		}
		dst = append(dst, '}')
	}
	return append(dst, '}')
}
