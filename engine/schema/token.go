package schema

import (
	"bytes"
	"slices"
	"strconv"
	"time"
)

// Token holds the claims of a jwt session token (WIRE.md section 4.1), of this
// server or of an Auth.js server with the same secret and cookie name.
type Token struct {
	Name    *string // nil: the claim is absent or null, see IsNull
	Email   *string
	Picture *string
	Subject string // the user's id; "" when absent
	ID      string // jti; "" when absent

	IssuedAt  int64 // iat, UNIX seconds; 0 when absent
	Expires   int64 // exp, UNIX seconds; 0 when absent
	NotBefore int64 // nbf, UNIX seconds; 0 when absent

	// Extra holds every other claim by name: declared ones as canonical
	// values, the rest as JSON gives them (nil, bool, string, float64, []any,
	// map[string]any). nil means none. The names of the claims above are not
	// written from here.
	Extra map[string]any

	// which of Name, Email, Picture were null rather than absent, so that
	// writing a token back keeps what an Auth.js server wrote
	nulls uint8
	drift []Drift
}

// Drift says that a declared claim was not in a token as the schema has it.
type Drift struct {
	Field string // the name of the field
	Was   string // the earlier name under which it was found; "" when it was not
	Err   error  // why its value does not fit, so that it is the default; nil when it fits, or when there was none
}

// Drift returns in what the token that [Schema.DecodeClaims] read differs from
// the schema: it was issued under another one. A claim with neither Was nor Err
// was missing. The caller must not change what it gets.
func (t *Token) Drift() []Drift { return t.drift }

// The claims with a field of their own; the first three may be null.
const (
	claimName = iota
	claimEmail
	claimPicture
	claimSub
	claimJTI
	claimIAT
	claimEXP
	claimNBF
)

// defaultClaim returns which claim of Token name is, or -1.
func defaultClaim(name string) int {
	switch name {
	case "name":
		return claimName
	case "email":
		return claimEmail
	case "picture":
		return claimPicture
	case "sub":
		return claimSub
	case "jti":
		return claimJTI
	case "iat":
		return claimIAT
	case "exp":
		return claimEXP
	case "nbf":
		return claimNBF
	}
	return -1
}

// nullable returns the field of the claim "name", "email" or "picture" and its
// bit in nulls.
func (t *Token) nullable(claim string) (p **string, bit uint8) {
	switch defaultClaim(claim) {
	case claimName:
		return &t.Name, 1 << claimName
	case claimEmail:
		return &t.Email, 1 << claimEmail
	case claimPicture:
		return &t.Picture, 1 << claimPicture
	}
	return nil, 0
}

// IsNull reports whether the claim "name", "email" or "picture" is null, rather
// than absent or a string. Any other claim is not null here.
func (t *Token) IsNull(claim string) bool {
	p, bit := t.nullable(claim)
	return p != nil && *p == nil && t.nulls&bit != 0
}

// SetNull makes the claim "name", "email" or "picture" null (true), or absent
// where it was null (false). Other claims are left alone.
func (t *Token) SetNull(claim string, null bool) {
	p, bit := t.nullable(claim)
	switch {
	case p == nil:
	case null:
		*p = nil
		t.nulls |= bit
	default:
		t.nulls &^= bit
	}
}

// Clone returns a deep copy. nil gives nil.
func (t *Token) Clone() *Token {
	if t == nil {
		return nil
	}
	c := *t
	for _, p := range []**string{&c.Name, &c.Email, &c.Picture} {
		if *p != nil {
			s := **p
			*p = &s
		}
	}
	if t.Extra != nil {
		c.Extra = cloneValue(t.Extra).(map[string]any)
	}
	return &c
}

func cloneValue(v any) any {
	switch v := v.(type) {
	case []any:
		c := make([]any, len(v))
		for i, item := range v {
			c[i] = cloneValue(item)
		}
		return c
	case map[string]any:
		c := make(map[string]any, len(v))
		for name, member := range v {
			c[name] = cloneValue(member)
		}
		return c
	}
	return v
}

// SameClaims reports whether t and o would be written with the same claims, not
// counting iat, exp, nbf and jti. Null and absent differ.
func (t *Token) SameClaims(o *Token) bool {
	if t == nil || o == nil {
		return t == o
	}
	if t.Subject != o.Subject || len(t.Extra) != len(o.Extra) {
		return false
	}
	for _, claim := range [...]string{"name", "email", "picture"} {
		a, _ := t.nullable(claim)
		b, _ := o.nullable(claim)
		if (*a == nil) != (*b == nil) || t.IsNull(claim) != o.IsNull(claim) || *a != nil && **a != **b {
			return false
		}
	}
	for name, a := range t.Extra {
		b, ok := o.Extra[name]
		if !ok || !sameValue(a, b) {
			return false
		}
	}
	return true
}

// sameValue reports whether a and b are written as the same JSON.
func sameValue(a, b any) bool {
	switch a.(type) {
	case nil, string, bool, int64, float64:
		if a == b {
			return true
		}
	}
	return bytes.Equal(AppendJSON(nil, a), AppendJSON(nil, b))
}

// AppendClaims appends the claims as JSON.stringify would write them, in the
// order name, email, picture, sub, Extra by name, nbf, iat, exp, jti. Absent
// claims are left out.
func (t *Token) AppendClaims(dst []byte) []byte {
	dst = append(dst, '{')
	start := len(dst)
	member := func(name string) {
		if len(dst) > start {
			dst = append(dst, ',')
		}
		dst = AppendString(dst, name)
		dst = append(dst, ':')
	}
	for _, claim := range [...]string{"name", "email", "picture"} {
		p, bit := t.nullable(claim)
		switch {
		case *p != nil:
			member(claim)
			dst = AppendString(dst, **p)
		case t.nulls&bit != 0:
			member(claim)
			dst = append(dst, "null"...)
		}
	}
	if t.Subject != "" {
		member("sub")
		dst = AppendString(dst, t.Subject)
	}
	if len(t.Extra) > 0 {
		names := make([]string, 0, 16)
		for name := range t.Extra {
			if defaultClaim(name) < 0 {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		for _, name := range names {
			member(name)
			dst = AppendJSON(dst, t.Extra[name])
		}
	}
	if t.NotBefore != 0 {
		member("nbf")
		dst = strconv.AppendInt(dst, t.NotBefore, 10)
	}
	if t.IssuedAt != 0 {
		member("iat")
		dst = strconv.AppendInt(dst, t.IssuedAt, 10)
	}
	if t.Expires != 0 {
		member("exp")
		dst = strconv.AppendInt(dst, t.Expires, 10)
	}
	if t.ID != "" {
		member("jti")
		dst = AppendString(dst, t.ID)
	}
	return append(dst, '}')
}

// AppendTime appends t as Date.toISOString prints it, without quotes.
func AppendTime(dst []byte, t time.Time) []byte { return Instant(t).AppendFormat(dst, TimeLayout) }
