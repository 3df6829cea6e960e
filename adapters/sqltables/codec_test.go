package sqltables

import (
	"errors"
	"strings"
	"testing"
	"time"

	"entgo.io/ent/dialect"

	"github.com/sesame-auth/sesame/engine/store"
)

// A kind reads what it writes, in every form that the driver may return.
func TestCodecs(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678_900_000, time.FixedZone("", 19800))
	kept := time.Date(2026, 1, 1, 21, 34, 5, 678e6, time.UTC)
	for name, c := range map[string]struct {
		column column
		want   any // the written value
		read   []any
		at     time.Time
	}{
		"timestamp":     {column{Column: Column{Kind: Time}, dialect: dialect.Postgres}, kept, []any{kept, kept.In(time.FixedZone("", -18000))}, kept},
		"datetime":      {column{Column: Column{Kind: Time}, dialect: dialect.MySQL}, "2026-01-01 21:34:05.678", []any{kept, []byte("2026-01-01 21:34:05.678")}, kept},
		"whole seconds": {column{Column: Column{Kind: Time, Precision: time.Second}, dialect: dialect.MySQL}, "2026-01-01 21:34:05.000", []any{[]byte("2026-01-01 21:34:05")}, kept.Truncate(time.Second)},
		"milliseconds":  {column{Column: Column{Kind: Millis}, dialect: dialect.SQLite}, kept.UnixMilli(), []any{kept.UnixMilli(), "2026-01-01 21:34:05.678", "2026-01-01T21:34:05.678Z", "1767303245678"}, kept},
		"digits":        {column{Column: Column{Kind: MillisText}, dialect: dialect.SQLite}, "1767303245678", []any{"1767303245678", []byte("1767303245678")}, kept},
		"toISOString":   {column{Column: Column{Kind: ISOText}, dialect: dialect.SQLite}, "2026-01-01T21:34:05.678Z", []any{"2026-01-01T21:34:05.678Z", "2026-01-02T03:04:05.678+05:30"}, kept},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := c.column.encode(at)
			if err != nil || got != c.want {
				t.Errorf("wrote %v (%v), want %v", got, err, c.want)
			}
			for _, src := range c.read {
				v := cell{c: &c.column}
				if err := v.Scan(src); err != nil || !v.at.Equal(c.at) || v.at.Location() != time.UTC {
					t.Errorf("read %v as %v (%v), want %v", src, v.at, err, c.at)
				}
			}
		})
	}
}

// A value that does not fit is refused with store.ErrInvalid, and is not part of the
// error.
func TestWhatDoesNotFit(t *testing.T) {
	const secret = "hunter2"
	for name, c := range map[string]struct {
		column column
		v      any
	}{
		"too long":        {column{Column: Column{Kind: Text}, maxChars: 6}, secret},
		"too many bytes":  {column{Column: Column{Kind: Text}, maxBytes: 6}, secret},
		"NUL":             {column{Column: Column{Kind: Text}}, secret + "\x00"},
		"not UTF-8":       {column{Column: Column{Kind: Text}}, secret + "\xff"},
		"no UUID":         {column{Column: Column{Kind: UUID}, native: true}, secret},
		"an upper case":   {column{Column: Column{Kind: UUID}, native: true}, "5F8DB2B4-327E-4CFD-AABA-89490350923B"},
		"no number":       {column{Column: Column{Kind: Int}, bits: 64}, secret},
		"a padded number": {column{Column: Column{Kind: Int}, bits: 64}, "007"},
		"33 bits":         {column{Column: Column{Kind: Int}, bits: 32}, int64(1 << 31)},
		"NULL":            {column{Column: Column{Kind: Text}}, nil},
		"after 2038":      {column{Column: Column{Kind: Time}, dialect: dialect.MySQL, first: time.Unix(1, 0), last: time.Unix(1<<31-1, 0)}, time.Unix(1<<31, 0)},
		"year 10000":      {column{Column: Column{Kind: Millis}}, time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)},
		"another type":    {column{Column: Column{Kind: Bool}}, secret},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := c.column.encode(c.v)
			if !errors.Is(err, store.ErrInvalid) || strings.Contains(err.Error(), secret) {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
	// The limit is in characters, not bytes.
	fits := column{Column: Column{Kind: Text}, maxChars: 3}
	if _, err := fits.encode("äöü"); err != nil {
		t.Error(err)
	}
}

// Reading never panics, whatever a column holds, and an instant that was read is
// written back unchanged.
func FuzzInstant(f *testing.F) {
	for _, s := range []string{"", "0", "-1", "1767303245678", "2026-01-01 21:34:05", "2026-01-01T21:34:05.678Z", "0000-00-00 00:00:00", "99999999999999999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, kind := range []Kind{Time, Millis, MillisText, ISOText, Int, Bool, UUID} {
			c := column{Column: Column{Kind: kind}, dialect: dialect.SQLite}
			v := cell{c: &c}
			if err := v.Scan([]byte(s)); err != nil || v.at.IsZero() {
				continue
			}
			written, err := c.encode(v.at)
			if err != nil {
				continue
			}
			again := cell{c: &c}
			if err := again.Scan(written); err != nil || !again.at.Equal(v.at) {
				t.Errorf("%q was read as %v, written as %v, read as %v (%v)", s, v.at, written, again.at, err)
			}
		}
	})
}
