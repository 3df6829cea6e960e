package wirereplay

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Deviations are the tables of docs/deviations.md.
type Deviations struct {
	Switches []string // names of the switches in the first table
	Rows     []*Row   // rows of the second table
}

// Row is a difference that stays with every switch on.
type Row struct {
	ID       string
	Patterns []*Pattern
}

// Pattern says which differences a row covers:
//
//	session-*#3,5 +response.headers.vary = "Cookie"
//
// are the transcripts (* stands for any characters), the steps (all when there
// is no #), the kind and path of the difference (* again), and what Sesame
// answers (optional; what was recorded, for the kind -). The kind * and the
// path * cover everything.
type Pattern struct {
	Text    string
	Matches int // how many differences it has covered

	transcript, path string
	steps            []int
	kind             Kind
	value            string
}

// Headings of the two tables.
const (
	switchesHeading = "## Defaults that a switch turns off"
	rowsHeading     = "## Differences that stay with every switch on"
)

// ParseDeviations reads docs/deviations.md.
func ParseDeviations(markdown string) (*Deviations, error) {
	d := &Deviations{}
	header, rows, err := table(markdown, switchesHeading)
	if err != nil {
		return nil, err
	}
	column := slices.Index(header, "Switch")
	if column < 0 {
		return nil, fmt.Errorf("the table under %q has no column Switch", switchesHeading)
	}
	for _, row := range rows {
		spans := codeSpans(row[column])
		if len(spans) != 1 {
			return nil, fmt.Errorf("the switch %q is not one code span", row[column])
		}
		d.Switches = append(d.Switches, spans[0])
	}
	header, rows, err = table(markdown, rowsHeading)
	if err != nil {
		return nil, err
	}
	column = slices.Index(header, "Covers")
	if column < 0 || header[0] != "Id" {
		return nil, fmt.Errorf("the table under %q lacks the columns Id (first) and Covers", rowsHeading)
	}
	ids := make(map[string]bool)
	for _, row := range rows {
		r := &Row{ID: row[0]}
		if r.ID == "" || ids[r.ID] {
			return nil, fmt.Errorf("the id %q is empty or there twice", r.ID)
		}
		ids[r.ID] = true
		for _, span := range codeSpans(row[column]) {
			p, err := ParsePattern(span)
			if err != nil {
				return nil, fmt.Errorf("row %s: %w", r.ID, err)
			}
			r.Patterns = append(r.Patterns, p)
		}
		if len(r.Patterns) == 0 {
			return nil, fmt.Errorf("row %s covers nothing", r.ID)
		}
		d.Rows = append(d.Rows, r)
	}
	return d, nil
}

// table returns the first table after a heading.
func table(markdown, heading string) (header []string, rows [][]string, err error) {
	_, rest, ok := strings.Cut(markdown, heading+"\n")
	if !ok {
		return nil, nil, fmt.Errorf("there is no heading %q", heading)
	}
	for line := range strings.SplitSeq(rest, "\n") {
		if !strings.HasPrefix(line, "|") {
			if header != nil || strings.HasPrefix(line, "#") {
				break
			}
			continue
		}
		cells := cells(line)
		switch {
		case header == nil:
			header = cells
		case strings.Trim(line, "|-: ") == "":
		case len(cells) != len(header):
			return nil, nil, fmt.Errorf("%d cells where the header has %d: %s", len(cells), len(header), line)
		default:
			rows = append(rows, cells)
		}
	}
	if header == nil {
		return nil, nil, fmt.Errorf("there is no table under %q", heading)
	}
	return header, rows, nil
}

func cells(line string) []string {
	line = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(line), "|"), "|")
	parts := strings.Split(strings.ReplaceAll(line, `\|`, "\x00"), "|")
	for i, part := range parts {
		parts[i] = strings.TrimSpace(strings.ReplaceAll(part, "\x00", "|"))
	}
	return parts
}

var codeSpan = regexp.MustCompile("`([^`]*)`")

func codeSpans(cell string) []string {
	var spans []string
	for _, m := range codeSpan.FindAllStringSubmatch(cell, -1) {
		spans = append(spans, m[1])
	}
	return spans
}

// ParsePattern reads one pattern.
func ParsePattern(text string) (*Pattern, error) {
	where, what, ok := strings.Cut(text, " ")
	if !ok || len(what) < 1 {
		return nil, fmt.Errorf("pattern %q: want <transcripts>[#steps] <kind><path> [= value]", text)
	}
	p := &Pattern{Text: text, kind: Kind(what[:1])}
	if !slices.Contains([]Kind{Added, Missing, Changed, "*"}, p.kind) {
		return nil, fmt.Errorf("pattern %q: the kind %q is not +, -, ~ or *", text, p.kind)
	}
	p.path, p.value, _ = strings.Cut(what[1:], " = ")
	transcript, steps, ok := strings.Cut(where, "#")
	p.transcript = transcript
	if ok {
		for s := range strings.SplitSeq(steps, ",") {
			n, err := strconv.Atoi(s)
			if err != nil {
				return nil, fmt.Errorf("pattern %q: the step %q is not a number", text, s)
			}
			p.steps = append(p.steps, n)
		}
	}
	return p, nil
}

// Covers reports whether the pattern covers the difference.
func (p *Pattern) Covers(d Difference) bool {
	value := d.Got
	if d.Kind == Missing {
		value = d.Recorded
	}
	return (p.kind == "*" || p.kind == d.Kind) &&
		(p.steps == nil || slices.Contains(p.steps, d.Step)) &&
		glob(p.transcript, d.Transcript) &&
		glob(p.path, d.Path) &&
		(p.value == "" || glob(p.value, value))
}

// glob matches s against a pattern in which * stands for any characters.
func glob(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == s
	}
	rest, ok := strings.CutPrefix(s, parts[0])
	if !ok {
		return false
	}
	last := parts[len(parts)-1]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(rest, part)
		if i < 0 {
			return false
		}
		rest = rest[i+len(part):]
	}
	return strings.HasSuffix(rest, last)
}

// everywhere reports whether the pattern is of a header that all answers have.
func (p *Pattern) everywhere() bool {
	return p.transcript == "*" && p.steps == nil && strings.HasPrefix(p.path, "response.headers.")
}

// Cover counts the difference for every pattern that covers it, and returns the
// rows of those, and whether one is of a header of all answers.
func (d *Deviations) Cover(diff Difference) (rows []string, everywhere bool) {
	for _, row := range d.Rows {
		for _, p := range row.Patterns {
			if p.Covers(diff) {
				p.Matches++
				rows = append(rows, row.ID)
				everywhere = everywhere || p.everywhere()
			}
		}
	}
	return rows, everywhere
}

// Stale returns the patterns that have covered nothing, as "id: pattern".
func (d *Deviations) Stale() []string {
	var stale []string
	for _, row := range d.Rows {
		for _, p := range row.Patterns {
			if p.Matches == 0 {
				stale = append(stale, row.ID+": "+p.Text)
			}
		}
	}
	return stale
}
