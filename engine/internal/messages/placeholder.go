package messages

import (
	"iter"
	"slices"
	"strings"
)

// A placeholder is a name in braces that consists of the letters a to z. All other
// braces are literal.

// next returns the first placeholder of a text and the text around it.
func next(text string) (before, name, after string, found bool) {
	for from := 0; ; {
		open := strings.IndexByte(text[from:], '{')
		if open < 0 {
			return text, "", "", false
		}
		open += from
		end := open + 1
		for end < len(text) && text[end] >= 'a' && text[end] <= 'z' {
			end++
		}
		if end > open+1 && end < len(text) && text[end] == '}' {
			return text[:open], text[open+1 : end], text[end+1:], true
		}
		from = open + 1
	}
}

// placeholders returns the names of the placeholders of a text, sorted and without
// duplicates.
func placeholders(text string) []string {
	var names []string
	for {
		_, name, after, found := next(text)
		if !found {
			slices.Sort(names)
			return slices.Compact(names)
		}
		names, text = append(names, name), after
	}
}

// split returns the parts of a text with the placeholders replaced by their
// values. Placeholders in values are not replaced.
func split(text string, args []string) iter.Seq[Part] {
	return func(yield func(Part) bool) {
		for {
			before, name, after, found := next(text)
			if before != "" && !yield(Part{Text: before}) || !found {
				return
			}
			value := Part{Text: "{" + name + "}"}
			for i := 0; i+1 < len(args); i += 2 {
				if args[i] == name {
					value = Part{Text: args[i+1], Value: true}
				}
			}
			if !yield(value) {
				return
			}
			text = after
		}
	}
}
