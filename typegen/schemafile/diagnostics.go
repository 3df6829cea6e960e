package schemafile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Diagnostic is something wrong with the file, or worth a second look.
type Diagnostic struct {
	File    string `json:"file"`
	Line    int    `json:"line"`           // from 1
	Column  int    `json:"column"`         // from 1, in characters
	Warning bool   `json:"warning"`        // the file can be used all the same
	Message string `json:"message"`        // what is wrong
	Hint    string `json:"hint,omitempty"` // what to do, when that is known
	Source  string `json:"source"`         // the line
}

// String returns the diagnostic in three lines: the position with the message,
// the line, and a caret below the place. Without a source it is one line.
func (d Diagnostic) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d:%d: ", d.File, d.Line, d.Column)
	if d.Warning {
		b.WriteString("warning: ")
	}
	b.WriteString(d.Message)
	if d.Hint != "" {
		b.WriteString(" (" + d.Hint + ")")
	}
	const widest = 160
	if d.Source == "" || d.Column > widest {
		return b.String()
	}
	line := []rune(d.Source)
	if len(line) > widest {
		line = append(line[:widest:widest], '…')
	}
	b.WriteString("\n    " + string(line) + "\n    ")
	for i := range d.Column - 1 {
		if i < len(line) && line[i] == '\t' {
			b.WriteByte('\t')
		} else {
			b.WriteByte(' ')
		}
	}
	b.WriteByte('^')
	return b.String()
}

// Diagnostics are all diagnostics of a file, by position. It is an error.
type Diagnostics []Diagnostic

// Error returns the diagnostics one below the other.
func (d Diagnostics) Error() string {
	var b strings.Builder
	for i, one := range d {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(one.String())
	}
	return b.String()
}

// failed reports whether one of them is more than a warning.
func (d Diagnostics) failed() bool {
	return slices.ContainsFunc(d, func(d Diagnostic) bool { return !d.Warning })
}

// sort orders by position and drops what is said twice.
func (d Diagnostics) sort() Diagnostics {
	slices.SortStableFunc(d, func(a, b Diagnostic) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Message, b.Message))
	})
	return slices.Compact(d)
}

// quote shows a piece of the file, without what would disturb a terminal.
func quote(s string) string {
	const longest = 60
	if len(s) > longest {
		cut := longest
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut] + "…"
	}
	return fmt.Sprintf("%q", s)
}

// printable drops what would disturb a terminal.
func printable(line string) string {
	return strings.Map(func(c rune) rune {
		if c != '\t' && !unicode.IsPrint(c) {
			return '\uFFFD'
		}
		return c
	}, strings.TrimSuffix(line, "\r"))
}
