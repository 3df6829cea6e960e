package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// MaxDepth is how deeply lists and objects may be nested in what is read; the
// outermost one counts.
const MaxDepth = 32

// maxTime is the last second of the year 9999: what a date in a cookie or in
// JSON can hold.
const maxTime = 253402300799

// DecodeJSON reads one JSON value (RFC 8259) as nil, bool, string, float64,
// []any or map[string]any. It is strict: it refuses what [encoding/json]
// refuses, and also text that is not UTF-8, an object with two members of one
// name, and nesting beyond [MaxDepth].
func DecodeJSON(data []byte) (any, error) { return decodeJSON(string(data), false) }

func decodeJSON(text string, exact bool) (any, error) {
	p := parser{s: text, exact: exact}
	if !utf8.ValidString(text) {
		return nil, errUTF8
	}
	p.space()
	v, err := p.value()
	if err != nil {
		return nil, err
	}
	return v, p.end()
}

// DecodeClaims reads the claims of a session token (WIRE.md section 4.1). It is
// as strict as [DecodeJSON], and refuses a payload that is not an object, and
// exp, iat or nbf that is not a number within the years up to 9999; a fraction
// of a second is cut off.
//
// A claim name, email, picture, sub or jti that is a whole number is read as
// its digits; one of any other type counts as absent.
//
// Declared claims (user fields with InToken, session fields and token fields)
// are all there in Extra, as canonical values: an unfit or missing one is taken
// from its earlier names, and else is the field's Zero. Earlier names are not in
// Extra themselves. Claims that are not declared are there as JSON gives them.
func (s *Schema) DecodeClaims(data []byte) (*Token, error) {
	p := parser{s: string(data)}
	if !utf8.ValidString(p.s) {
		return nil, errUTF8
	}
	// One block of memory for the token and the strings it points to.
	var b struct {
		Token
		text [3]string
	}
	box := &b
	t := &box.Token
	p.space()
	if !p.take('{') {
		return nil, p.error("want an object")
	}
	p.depth = 1
	var seen uint8
	for first := true; ; first = false {
		name, more, err := p.member(first)
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
		claim := defaultClaim(name)
		if claim >= 0 {
			if seen&(1<<claim) != 0 {
				return nil, errTwice
			}
			seen |= 1 << claim
		}
		switch claim {
		case claimName, claimEmail, claimPicture:
			text, null, ok, err := p.text()
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
			t.Subject, _, _, err = p.text()
		case claimJTI:
			t.ID, _, _, err = p.text()
		case claimIAT:
			t.IssuedAt, err = p.time()
		case claimEXP:
			t.Expires, err = p.time()
		case claimNBF:
			t.NotBefore, err = p.time()
		default:
			if _, twice := t.Extra[name]; twice {
				return nil, errTwice
			}
			p.exact = p.numeric() && s.hasClaim(name)
			var v any
			if v, err = p.value(); err == nil {
				if t.Extra == nil {
					t.Extra = make(map[string]any, s.claimsMost())
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

// canonClaims makes the declared claims of Extra canonical and complete.
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
			t.Extra = make(map[string]any, s.claimsMost())
		}
		switch value.(type) {
		case nil, string, bool:
			if ok && bad == nil && drift.Was == "" {
				continue // it is there, just so
			}
		}
		t.Extra[f.Name] = value
	}
}

// numeric reports whether the value that comes next is a number, or may hold
// some.
func (p *parser) numeric() bool {
	if p.i < len(p.s) {
		switch p.s[p.i] {
		case '"', 't', 'f', 'n':
			return false
		}
	}
	return true
}

// parser reads JSON text that is valid UTF-8. Strings without escapes are parts
// of the text.
type parser struct {
	s     string
	i     int
	depth int
	exact bool // numbers as json.Number, with all digits, not as float64
}

var (
	errUTF8  = errors.New("schema: JSON: not UTF-8")
	errTwice = errors.New("schema: JSON: two members of one name")
)

func (p *parser) error(what string) error {
	return fmt.Errorf("schema: JSON: %s at byte %d", what, p.i)
}

func (p *parser) space() {
	for p.i < len(p.s) {
		switch p.s[p.i] {
		case ' ', '\t', '\n', '\r':
			p.i++
		default:
			return
		}
	}
}

// take steps over c, when it comes next.
func (p *parser) take(c byte) bool {
	if p.i < len(p.s) && p.s[p.i] == c {
		p.i++
		return true
	}
	return false
}

func (p *parser) end() error {
	if p.space(); p.i < len(p.s) {
		return p.error("text after the end")
	}
	return nil
}

// member reads up to the value of the next member of an object, or to its end.
func (p *parser) member(first bool) (name string, more bool, err error) {
	p.space()
	if p.take('}') {
		return "", false, nil
	}
	if !first {
		if !p.take(',') {
			return "", false, p.error("want , or }")
		}
		p.space()
	}
	if name, err = p.string(); err != nil {
		return "", false, err
	}
	p.space()
	if !p.take(':') {
		return "", false, p.error("want :")
	}
	p.space()
	return name, true, nil
}

// text reads the value of a claim that is a string: a whole number counts as
// its digits, null is reported, any other value is stepped over.
func (p *parser) text() (text string, null, ok bool, err error) {
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

// time reads a NumericDate (RFC 7519 section 2), cut to whole seconds.
func (p *parser) time() (int64, error) {
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
			return 0, p.error("a time out of range")
		}
		n = int64(math.Floor(x))
	}
	if n > maxTime || n < -maxTime {
		p.i = start
		return 0, p.error("a time out of range")
	}
	return n, nil
}

func (p *parser) value() (any, error) {
	if p.i >= len(p.s) {
		return nil, p.error("unexpected end")
	}
	switch p.s[p.i] {
	case '"':
		return p.string()
	case '{':
		return p.object()
	case '[':
		return p.list()
	case 't':
		return true, p.literal("true")
	case 'f':
		return false, p.literal("false")
	case 'n':
		return nil, p.literal("null")
	}
	number, err := p.number()
	if err != nil {
		return nil, err
	}
	x, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return nil, p.error("a number out of range")
	}
	if p.exact {
		return json.Number(number), nil
	}
	return x, nil
}

func (p *parser) literal(word string) error {
	if !strings.HasPrefix(p.s[p.i:], word) {
		return p.error("want a value")
	}
	p.i += len(word)
	return nil
}

func (p *parser) object() (any, error) {
	if p.depth++; p.depth > MaxDepth {
		return nil, p.error("nested too deeply")
	}
	p.i++
	m := map[string]any{}
	for first := true; ; first = false {
		name, more, err := p.member(first)
		if err != nil {
			return nil, err
		}
		if !more {
			p.depth--
			return m, nil
		}
		if _, twice := m[name]; twice {
			return nil, errTwice
		}
		if m[name], err = p.value(); err != nil {
			return nil, err
		}
	}
}

func (p *parser) list() (any, error) {
	if p.depth++; p.depth > MaxDepth {
		return nil, p.error("nested too deeply")
	}
	p.i++
	list := []any{}
	for p.space(); !p.take(']'); p.space() {
		if len(list) > 0 {
			if !p.take(',') {
				return nil, p.error("want , or ]")
			}
			p.space()
		}
		v, err := p.value()
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	p.depth--
	return list, nil
}

// number steps over a number and returns its text.
func (p *parser) number() (string, error) {
	start := p.i
	p.take('-')
	if !p.take('0') && !p.digits() {
		p.i = start
		return "", p.error("want a number")
	}
	if p.take('.') && !p.digits() {
		return "", p.error("want a digit")
	}
	if p.take('e') || p.take('E') {
		if !p.take('+') {
			p.take('-')
		}
		if !p.digits() {
			return "", p.error("want a digit")
		}
	}
	return p.s[start:p.i], nil
}

func (p *parser) digits() bool {
	start := p.i
	for p.i < len(p.s) && '0' <= p.s[p.i] && p.s[p.i] <= '9' {
		p.i++
	}
	return p.i > start
}

// isNumber reports whether s is a JSON number.
func isNumber(s string) bool {
	p := parser{s: s}
	_, err := p.number()
	return err == nil && p.i == len(s)
}

func (p *parser) string() (string, error) {
	if !p.take('"') {
		return "", p.error("want a string")
	}
	for j := p.i; j < len(p.s); j++ {
		switch c := p.s[j]; {
		case c == '"':
			text := p.s[p.i:j]
			p.i = j + 1
			return text, nil
		case c == '\\':
			return p.escaped(j)
		case c < ' ':
			p.i = j
			return "", p.error("a control character in a string")
		}
	}
	p.i = len(p.s)
	return "", p.error("unexpected end")
}

// escaped reads on in a string whose first backslash stands at j.
func (p *parser) escaped(j int) (string, error) {
	b := []byte(p.s[p.i:j])
	for p.i = j; p.i < len(p.s); {
		c := p.s[p.i]
		switch {
		case c == '"':
			p.i++
			return string(b), nil
		case c < ' ':
			return "", p.error("a control character in a string")
		case c != '\\':
			b = append(b, c)
			p.i++
			continue
		}
		p.i++
		if p.i == len(p.s) {
			break
		}
		c = p.s[p.i]
		p.i++
		switch c {
		case '"', '\\', '/':
			b = append(b, c)
		case 'b':
			b = append(b, '\b')
		case 'f':
			b = append(b, '\f')
		case 'n':
			b = append(b, '\n')
		case 'r':
			b = append(b, '\r')
		case 't':
			b = append(b, '\t')
		case 'u':
			r, ok := p.hex4(p.i)
			if !ok {
				return "", p.error("want four hex digits")
			}
			p.i += 4
			if utf16.IsSurrogate(r) {
				// Half a pair becomes U+FFFD, as in encoding/json.
				pair := rune(utf8.RuneError)
				if strings.HasPrefix(p.s[p.i:], `\u`) {
					if low, ok := p.hex4(p.i + 2); ok {
						pair = utf16.DecodeRune(r, low)
					}
				}
				if pair != utf8.RuneError {
					p.i += 6
				}
				r = pair
			}
			b = utf8.AppendRune(b, r)
		default:
			p.i--
			return "", p.error("an unknown escape")
		}
	}
	return "", p.error("unexpected end")
}

// hex4 reads four hex digits at i.
func (p *parser) hex4(i int) (rune, bool) {
	if i+4 > len(p.s) {
		return 0, false
	}
	var r rune
	for _, c := range []byte(p.s[i : i+4]) {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}
