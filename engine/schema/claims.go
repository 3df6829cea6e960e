package schema

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxTime is the last second of the year 9999, the limit of a date in a cookie
// and in JSON.
const maxTime = 253402300799

// DecodeClaims reads the claims of a session token (WIRE.md section 4.1). It is
// as strict as [DecodeJSON]. It also rejects a payload that is not an object,
// and an exp, iat or nbf that is not a number or is beyond the year 9999;
// fractions of a second are dropped.
//
// If one of the claims name, email, picture, sub and jti is an integer, its
// digits are the value; if it has any other type than string, it is treated as
// absent.
//
// Extra holds all declared claims (user fields with InToken, session fields and
// token fields) as canonical values. One that is missing or invalid is taken
// from its earlier names, or else is the field's Zero. The earlier names
// themselves are not in Extra. Undeclared claims are in Extra as decoded from
// JSON.
func (s *Schema) DecodeClaims(data []byte) (*Token, error) {
	p := parser{s: string(data)}
	if !utf8.ValidString(p.s) {
		return nil, errUTF8
	}
	// One allocation for the token and the strings that it points to.
	var b struct {
		Token
		text [3]string
	}
	box := &b
	t := &box.Token
	p.space()
	if !p.take('{') {
		return nil, p.error("expected an object")
	}
	p.depth = 1
	var seen uint8
	for isFirst := true; ; isFirst = false {
		name, more, err := p.member(isFirst)
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
		claim := defaultClaim(name)
		if claim >= 0 {
			if seen&(1<<claim) != 0 {
				return nil, errDuplicate
			}
			seen |= 1 << claim
		}
		switch claim {
		case claimName, claimEmail, claimPicture:
			text, null, ok, err := p.stringClaim()
			if err != nil {
				return nil, err
			}
			if null {
				t.nulls |= 1 << claim
			}
			if ok {
				box.text[claim] = text
				p, _ := t.nullable(name)
				*p = &box.text[claim]
			}
		case claimSub:
			t.Subject, _, _, err = p.stringClaim()
		case claimJTI:
			t.ID, _, _, err = p.stringClaim()
		case claimIAT:
			t.IssuedAt, err = p.numericDate()
		case claimEXP:
			t.Expires, err = p.numericDate()
		case claimNBF:
			t.NotBefore, err = p.numericDate()
		default:
			if _, exists := t.Extra[name]; exists {
				return nil, errDuplicate
			}
			p.exact = p.numeric() && s.hasClaim(name)
			var v any
			if v, err = p.value(); err == nil {
				if t.Extra == nil {
					t.Extra = make(map[string]any, s.maxClaims())
				}
				t.Extra[name] = v
			}
		}
		if err != nil {
			return nil, err
		}
	}
	if err := p.end(); err != nil {
		return nil, err
	}
	s.canonClaims(t)
	return t, nil
}

// canonClaims makes the declared claims in Extra canonical and complete.
func (s *Schema) canonClaims(t *Token) {
	for f := range s.claims {
		if defaultClaim(f.Name) >= 0 {
			continue
		}
		value, ok := t.Extra[f.Name]
		var bad *mismatch
		if ok {
			value, bad = f.canon(value)
		}
		drift := Drift{Field: f.Name}
		for _, was := range f.Was {
			if old, there := t.Extra[was]; there {
				if !ok || bad != nil {
					value, bad = f.canon(old)
					ok, drift.Was = true, was
				}
				delete(t.Extra, was)
			}
		}
		if !ok || bad != nil {
			value = f.Zero()
		}
		if bad != nil {
			bad.in(f.Name)
			drift.Err = bad
		}
		if !ok || bad != nil || drift.Was != "" {
			t.drift = append(t.drift, drift)
		}
		if t.Extra == nil {
			t.Extra = make(map[string]any, s.maxClaims())
		}
		switch value.(type) {
		case nil, string, bool:
			if ok && bad == nil && drift.Was == "" {
				continue // Extra has this very value
			}
		}
		t.Extra[f.Name] = value
	}
}

// claims is an iterator over the fields that are claims of a jwt session token.
func (s *Schema) claims(yield func(*Field) bool) {
	if s == nil {
		return
	}
	for i := range s.User {
		if f := &s.User[i]; !Builtin(f.Name) && f.InToken() && !yield(f) {
			return
		}
	}
	for i := range s.Session {
		if !yield(&s.Session[i]) {
			return
		}
	}
	for i := range s.Token {
		if !yield(&s.Token[i]) {
			return
		}
	}
}

// maxClaims is an upper bound of the number of declared claims.
func (s *Schema) maxClaims() int {
	if s == nil {
		return 0
	}
	return len(s.User) + len(s.Session) + len(s.Token)
}

// hasClaim reports whether name is the name or an earlier name of a declared
// claim.
func (s *Schema) hasClaim(name string) bool {
	for f := range s.claims {
		if f.Name == name || slices.Contains(f.Was, name) {
			return true
		}
	}
	return false
}

// numeric reports whether the next value is a number or may contain numbers.
func (p *parser) numeric() bool {
	if p.i < len(p.s) {
		switch p.s[p.i] {
		case '"', 't', 'f', 'n':
			return false
		}
	}
	return true
}

// stringClaim reads the value of a claim that should be a string. An integer
// yields its digits. ok is false for null and for values of any other type.
func (p *parser) stringClaim() (text string, null, ok bool, err error) {
	if p.i < len(p.s) && p.s[p.i] == '"' {
		text, err = p.string()
		return text, false, true, err
	}
	p.exact = true
	v, err := p.value()
	if err != nil {
		return "", false, false, err
	}
	if n, isNumber := v.(json.Number); isNumber && !strings.ContainsAny(string(n), ".eE") {
		return string(n), false, true, nil
	}
	return "", v == nil, false, nil
}

// numericDate reads a NumericDate (RFC 7519 section 2), in whole seconds.
func (p *parser) numericDate() (int64, error) {
	start := p.i
	number, err := p.number()
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		x, err := strconv.ParseFloat(number, 64)
		if err != nil || math.Abs(x) > maxTime {
			p.i = start
			return 0, p.error("time out of range")
		}
		n = int64(math.Floor(x))
	}
	if n > maxTime || n < -maxTime {
		p.i = start
		return 0, p.error("time out of range")
	}
	return n, nil
}
