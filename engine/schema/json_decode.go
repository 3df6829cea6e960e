package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// MaxDepth is the maximum nesting of lists and objects in JSON that is read,
// counting the outermost one.
const MaxDepth = 32

// DecodeJSON reads one JSON value (RFC 8259) as nil, bool, string, float64,
// []any or map[string]any. It is strict: it rejects whatever [encoding/json]
// rejects, and also text that is not UTF-8, objects with duplicate names, and
// nesting beyond [MaxDepth].
func DecodeJSON(data []byte) (any, error) { return decodeJSON(string(data), false) }

// decodeJSON is DecodeJSON, with numbers as json.Number if exact is set.
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

// parser reads JSON text that is valid UTF-8. Strings without escapes are
// substrings of the text.
type parser struct {
	s     string
	i     int
	depth int
	exact bool // read numbers as json.Number, with all digits, rather than float64
}

var (
	errUTF8      = errors.New("schema: JSON: invalid UTF-8")
	errDuplicate = errors.New("schema: JSON: two members with the same name")
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

// take skips c and reports whether it was the next byte.
func (p *parser) take(c byte) bool {
	if p.i < len(p.s) && p.s[p.i] == c {
		p.i++
		return true
	}
	return false
}

func (p *parser) end() error {
	if p.space(); p.i < len(p.s) {
		return p.error("unexpected text after the value")
	}
	return nil
}

// member reads the name of the next member of an object, up to its value, or the
// end of the object.
func (p *parser) member(isFirst bool) (name string, more bool, err error) {
	p.space()
	if p.take('}') {
		return "", false, nil
	}
	if !isFirst {
		if !p.take(',') {
			return "", false, p.error("expected , or }")
		}
		p.space()
	}
	if name, err = p.string(); err != nil {
		return "", false, err
	}
	p.space()
	if !p.take(':') {
		return "", false, p.error("expected :")
	}
	p.space()
	return name, true, nil
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
		return nil, p.error("number out of range")
	}
	if p.exact {
		return json.Number(number), nil
	}
	return x, nil
}

func (p *parser) literal(word string) error {
	if !strings.HasPrefix(p.s[p.i:], word) {
		return p.error("expected a value")
	}
	p.i += len(word)
	return nil
}

func (p *parser) object() (any, error) {
	if p.depth++; p.depth > MaxDepth {
		return nil, p.error("nesting too deep")
	}
	p.i++
	m := map[string]any{}
	for isFirst := true; ; isFirst = false {
		name, more, err := p.member(isFirst)
		if err != nil {
			return nil, err
		}
		if !more {
			p.depth--
			return m, nil
		}
		if _, exists := m[name]; exists {
			return nil, errDuplicate
		}
		if m[name], err = p.value(); err != nil {
			return nil, err
		}
	}
}

func (p *parser) list() (any, error) {
	if p.depth++; p.depth > MaxDepth {
		return nil, p.error("nesting too deep")
	}
	p.i++
	list := []any{}
	for p.space(); !p.take(']'); p.space() {
		if len(list) > 0 {
			if !p.take(',') {
				return nil, p.error("expected , or ]")
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

// number reads a number and returns its text.
func (p *parser) number() (string, error) {
	start := p.i
	p.take('-')
	if !p.take('0') && !p.digits() {
		p.i = start
		return "", p.error("expected a number")
	}
	if p.take('.') && !p.digits() {
		return "", p.error("expected a digit")
	}
	if p.take('e') || p.take('E') {
		if !p.take('+') {
			p.take('-')
		}
		if !p.digits() {
			return "", p.error("expected a digit")
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

func (p *parser) string() (string, error) {
	if !p.take('"') {
		return "", p.error("expected a string")
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
			return "", p.error("control character in a string")
		}
	}
	p.i = len(p.s)
	return "", p.error("unexpected end")
}

// escaped reads the rest of a string whose first backslash is at j.
func (p *parser) escaped(j int) (string, error) {
	b := []byte(p.s[p.i:j])
	for p.i = j; p.i < len(p.s); {
		c := p.s[p.i]
		switch {
		case c == '"':
			p.i++
			return string(b), nil
		case c < ' ':
			return "", p.error("control character in a string")
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
				return "", p.error("expected four hex digits")
			}
			p.i += 4
			if utf16.IsSurrogate(r) {
				// Half of a surrogate pair becomes U+FFFD, as in encoding/json.
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
			return "", p.error("unknown escape")
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
