package schemafile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Diagnostic is a problem of the file, or a warning.
type Diagnostic struct {
	File    string `json:"file"`
	Line    int    `json:"line"`           // from 1
	Column  int    `json:"column"`         // from 1, in characters
	Warning bool   `json:"warning"`        // the file can still be used
	Message string `json:"message"`        // describes the problem
	Hint    string `json:"hint,omitempty"` // how to fix it; "" if not known
	Source  string `json:"source"`         // the line
}

// String returns the diagnostic in three lines: the position with the message,
// the source line, and a caret below the column. Without Source it is one line.
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
	const maxWidth = 160
	if d.Source == "" || d.Column > maxWidth {
		return b.String()
	}
	line := []rune(d.Source)
	if len(line) > maxWidth {
		line = append(line[:maxWidth:maxWidth], '…')
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

// Diagnostics holds all diagnostics of a file, ordered by position. It is an error.
type Diagnostics []Diagnostic

// Error returns the diagnostics, one after the other.
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

// failed reports whether one of the diagnostics is not a warning.
func (d Diagnostics) failed() bool {
	return slices.ContainsFunc(d, func(d Diagnostic) bool { return !d.Warning })
}

// sort sorts by position and removes duplicates.
func (d Diagnostics) sort() Diagnostics {
	slices.SortStableFunc(d, func(a, b Diagnostic) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Message, b.Message))
	})
	return slices.Compact(d)
}

// quote quotes a part of the file, truncated and without control characters.
func quote(s string) string {
	const maxLen = 60
	if len(s) > maxLen {
		end := maxLen
		for end > 0 && !utf8.RuneStart(s[end]) {
			end--
		}
		s = s[:end] + "…"
	}
	return fmt.Sprintf("%q", s)
}

// printable replaces characters that cannot be printed on a terminal.
func printable(line string) string {
	return strings.Map(func(c rune) rune {
		if c != '\t' && !unicode.IsPrint(c) {
			return '\uFFFD'
		}
		return c
	}, strings.TrimSuffix(line, "\r"))
}
