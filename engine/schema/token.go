package schema

import (
	"bytes"
	"slices"
	"strconv"
)

// Token holds the claims of a jwt session token (WIRE.md section 4.1), issued by
// this server or by an Auth.js server with the same secret and cookie name.
type Token struct {
	Name    *string // nil if the claim is absent or null, see IsNull
	Email   *string
	Picture *string
	Subject string // sub, the user's id; "" if absent
	ID      string // jti; "" if absent

	IssuedAt  int64 // iat, Unix seconds; 0 if absent
	Expires   int64 // exp, Unix seconds; 0 if absent
	NotBefore int64 // nbf, Unix seconds; 0 if absent

	// Extra holds all other claims by name: declared claims as canonical
	// values, others as decoded from JSON (nil, bool, string, float64, []any,
	// map[string]any). It may be nil. Entries with the name of one of the
	// claims above are ignored when the token is written.
	Extra map[string]any

	// nulls is the set of those of Name, Email and Picture that were null
	// rather than absent, so that a rewritten token keeps what an Auth.js server
	// wrote.
	nulls uint8
	drift []Drift
}

// Drift is a difference between the claims of a token and the schema: a declared
// claim that was missing, had an earlier name, or had an invalid value. A claim
// with neither Was nor Err was missing.
type Drift struct {
	Field string // name of the field
	Was   string // earlier name under which the claim was found, if any
	Err   error  // why the value was replaced by the default; nil if it was valid or missing
}

// Drift returns the differences that [Schema.DecodeClaims] found between the
// token and the schema. There are some when the token was issued under another
// schema. The caller must not modify the slice.
func (t *Token) Drift() []Drift { return t.drift }

// The claims that have a field in Token. The first three may be null.
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

// defaultClaim returns the index of the claim with the given name, or -1.
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
// than absent or a string. It is false for all other claims.
func (t *Token) IsNull(claim string) bool {
	p, bit := t.nullable(claim)
	return p != nil && *p == nil && t.nulls&bit != 0
}

// SetNull makes the claim "name", "email" or "picture" null (true), or makes it
// absent if it is null (false). It ignores other claims.
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

// Clone returns a deep copy of t, or nil if t is nil.
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

// SameClaims reports whether t and o have the same claims when written, ignoring
// iat, exp, nbf and jti. Null and absent differ.
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

// sameValue reports whether a and b have the same JSON.
func sameValue(a, b any) bool {
	switch a.(type) {
	case nil, string, bool, int64, float64:
		if a == b {
			return true
		}
	}
	return bytes.Equal(AppendJSON(nil, a), AppendJSON(nil, b))
}

// AppendClaims appends the claims in the format of JSON.stringify, in the order
// name, email, picture, sub, Extra by name, nbf, iat, exp, jti. Absent claims are
// omitted.
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
