package sqltables

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"entgo.io/ent/dialect"

	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/ent/authruntime"
)

// Kinds of extra fields only.
const (
	floatKind Kind = "floating-point number"
	jsonKind  Kind = "JSON"
)

// column is a column of a layout as it was found in the database.
type column struct {
	Column
	table    string
	extra    *schema.Field // nil: not an extra field
	required bool          // the contract does not allow NULL
	dialect  string

	native   bool   // UUID: a database type that holds no other text
	null     bool   // the column may be NULL
	filled   bool   // the database fills it
	exact    bool   // compared byte for byte
	charset  string // MySQL only; "" if it has every character
	collated string // its collation
	maxChars int    // 0: no limit
	maxBytes int    // 0: no limit
	bits     int    // of an integer, including the sign
	first    time.Time
	last     time.Time // range of a time, if limited; zero: not limited
}

// quoted returns the quoted name.
func (c *column) quoted() string { return quote(c.dialect, c.Name) }

// invalid returns an error that matches store.ErrInvalid and names the column, but
// not the value.
func (c *column) invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s of table %s: %s", store.ErrInvalid, c.Field, c.table, fmt.Sprintf(format, args...))
}

// keep returns an instant truncated to the precision of the column, in UTC.
func (c *column) keep(t time.Time) time.Time {
	return t.UTC().Truncate(max(c.Precision, time.Millisecond))
}

// encode returns the value to pass to the driver for v, which is nil, a string, an
// int64, a bool, a time.Time, or any value of an extra field. Its error matches
// store.ErrInvalid.
func (c *column) encode(v any) (any, error) {
	if v == nil {
		if !c.null {
			return nil, c.invalid("the column cannot be NULL")
		}
		return nil, nil
	}
	switch c.Kind {
	case Text:
		if s, ok := v.(string); ok {
			return s, c.checkText(s)
		}
	case UUID:
		if s, ok := v.(string); ok {
			if c.native && !isUUID(s) {
				return nil, c.invalid("want a UUID in lower case")
			}
			return s, c.checkText(s)
		}
	case Int:
		return c.encodeInt(v)
	case Bool:
		if b, ok := v.(bool); ok {
			return b, nil
		}
	case Time, Millis, MillisText, ISOText, ISOTextOffset:
		if t, ok := v.(time.Time); ok {
			return c.encodeTime(c.keep(t))
		}
	case floatKind:
		if x, ok := v.(float64); ok {
			return x, nil
		}
	case jsonKind:
		text, err := json.Marshal(v)
		if err != nil {
			return nil, c.invalid("%v", err)
		}
		return string(text), c.checkText(string(text))
	}
	return nil, c.invalid("a Go %T does not fit %s", v, c.Kind)
}

// checkText refuses text that not every database can hold or that is too long.
func (c *column) checkText(s string) error {
	switch {
	case !authruntime.Storable(s):
		return c.invalid("the text contains a NUL byte or is not valid UTF-8")
	case c.maxBytes > 0 && len(s) > c.maxBytes:
		return c.invalid("the text has %d bytes, but the column holds %d", len(s), c.maxBytes)
	case c.maxChars > 0 && len(s) > c.maxChars && utf8.RuneCountInString(s) > c.maxChars:
		return c.invalid("the text has %d characters, but the column holds %d", utf8.RuneCountInString(s), c.maxChars)
	}
	return nil
}

func (c *column) encodeInt(v any) (any, error) {
	var n int64
	switch v := v.(type) {
	case int64:
		n = v
	case string: // an id
		var err error
		if n, err = strconv.ParseInt(v, 10, 64); err != nil || strconv.FormatInt(n, 10) != v {
			return nil, c.invalid("want an integer")
		}
	default:
		return nil, c.invalid("a Go %T does not fit %s", v, c.Kind)
	}
	if c.bits < 64 && (n < -1<<(c.bits-1) || n > 1<<(c.bits-1)-1) {
		return nil, c.invalid("the number has more than the %d bits of the column", c.bits)
	}
	return n, nil
}

func (c *column) encodeTime(t time.Time) (any, error) {
	switch {
	case t.Year() < 0 || t.Year() > 9999:
		return nil, c.invalid("want an instant in the years 0 to 9999")
	case !c.last.IsZero() && (t.Before(c.first) || t.After(c.last)):
		return nil, c.invalid("want an instant from %s to %s, the range of the column", c.first.Format(time.RFC3339), c.last.Format(time.RFC3339))
	}
	switch c.Kind {
	case Millis:
		return t.UnixMilli(), nil
	case MillisText:
		s := strconv.FormatInt(t.UnixMilli(), 10)
		return s, c.checkText(s)
	case ISOText:
		s := t.Format(schema.TimeLayout)
		return s, c.checkText(s)
	case ISOTextOffset:
		s := strings.TrimSuffix(t.Format(schema.TimeLayout), "Z") + "+00:00"
		return s, c.checkText(s)
	}
	if c.dialect == dialect.MySQL {
		// As text, so that the driver does not convert it between zones.
		return t.Format(mysqlTime), nil
	}
	return t, nil
}

const mysqlTime = "2006-01-02 15:04:05.000"

// isUUID reports whether s is a UUID in the form that every database returns.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch b := s[i]; i {
		case 8, 13, 18, 23:
			if b != '-' {
				return false
			}
		default:
			if (b < '0' || b > '9') && (b < 'a' || b > 'f') {
				return false
			}
		}
	}
	return true
}

// cell is a value read from a column. Every row has new cells, because entities
// point into them.
type cell struct {
	c    *column
	null bool
	text string    // for text, and for ids of any kind
	n    int64     // for Int; 0 or 1 for Bool
	at   time.Time // in UTC
	x    any       // for extra fields
}

// Scan implements sql.Scanner.
func (v *cell) Scan(src any) error {
	if src == nil {
		if v.c.required {
			return fmt.Errorf("%s.%s is NULL, in a row that Auth.js cannot have written", v.c.table, v.c.Name)
		}
		v.null = true
		return nil
	}
	if v.c.extra != nil {
		return v.scanExtra(src)
	}
	switch v.c.Kind {
	case Text, UUID:
		switch src := src.(type) {
		case string:
			v.text = src
			return nil
		case []byte:
			v.text = string(src)
			return nil
		}
	case Int, Bool:
		if n, ok := wholeNumber(src); ok {
			v.n = n
			if v.c.Field == "id" || v.c.Field == "userId" {
				v.text = strconv.FormatInt(n, 10)
			}
			return nil
		}
	default:
		if at, ok := v.c.instant(src); ok {
			v.at = at
			return nil
		}
	}
	return v.unfit(src)
}

func (v *cell) unfit(src any) error {
	return fmt.Errorf("%s.%s holds a value that is not %s (a Go %T)", v.c.table, v.c.Name, v.c.Kind, src)
}

// scanExtra stores the canonical value, or a value that does not fit the field
// unchanged: the engine replaces it by the default of the field.
func (v *cell) scanExtra(src any) error {
	switch v.c.Kind {
	case Time, Millis, MillisText, ISOText, ISOTextOffset:
		at, ok := v.c.instant(src)
		if !ok {
			return v.unfit(src)
		}
		src = at
	case jsonKind:
		if s, ok := src.(string); ok {
			src = []byte(s)
		}
	}
	if b, ok := src.([]byte); ok {
		src = append([]byte(nil), b...) // the driver reuses b
	}
	x, err := v.c.extra.Canon(src)
	if err != nil {
		x = src
	}
	v.x = x
	return nil
}

// wholeNumber reads an integer or a boolean.
func wholeNumber(src any) (int64, bool) {
	switch src := src.(type) {
	case int64:
		return src, true
	case bool:
		if src {
			return 1, true
		}
		return 0, true
	case []byte:
		if len(src) == 1 && src[0] <= 1 { // MySQL's bit(1)
			return int64(src[0]), true
		}
		return parseInt(string(src))
	case string:
		return parseInt(src)
	case float64:
		return int64(src), src == math.Trunc(src) && math.Abs(src) < 1<<63
	}
	return 0, false
}

func parseInt(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// instant reads an instant of any type, because columns of SQLite hold values of
// any type.
func (c *column) instant(src any) (time.Time, bool) {
	switch src := src.(type) {
	case time.Time:
		return schema.Instant(src), true
	case int64:
		return time.UnixMilli(src).UTC(), !c.Kind.isoText()
	case float64:
		return time.UnixMilli(int64(src)).UTC(), c.Kind == Millis
	case []byte:
		return c.instantText(string(src))
	case string:
		return c.instantText(src)
	}
	return time.Time{}, false
}

func (c *column) instantText(s string) (time.Time, bool) {
	if c.Kind == MillisText || c.Kind == Millis {
		if n, ok := parseInt(s); ok {
			return time.UnixMilli(n).UTC(), true
		}
		if c.Kind == MillisText {
			return time.Time{}, false
		}
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07:00"} {
		if t, err := time.Parse(layout, s); err == nil {
			return schema.Instant(t), true
		}
	}
	return time.Time{}, false
}

// string, time and int return the value as a nullable field of the contract.
func (v *cell) string() *string {
	if v.null {
		return nil
	}
	return &v.text
}

func (v *cell) time() *time.Time {
	if v.null {
		return nil
	}
	return &v.at
}

func (v *cell) int() *int64 {
	if v.null {
		return nil
	}
	return &v.n
}
