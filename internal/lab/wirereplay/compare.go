// Package wirereplay compares what Sesame puts on the wire with recordings of
// Auth.js. Its test runs the recording driver and React client (testdata/lab)
// against internal/lab/labserver, compares the result with testdata/v5 and
// testdata/v4, and wants every difference in a table of docs/deviations.md, and
// every row of those tables to cover a difference:
//
//	go test ./internal/lab/wirereplay
//
// It needs Node.js with npm, and the ports 4501 to 4504, 4511 to 4514, 4520 and
// 4521 on loopback. testdata/lab/README.md describes the recordings.
package wirereplay

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Kind says how two answers differ.
type Kind string

// The kinds.
const (
	Added   Kind = "+" // the answer has something that was not recorded
	Missing Kind = "-" // something recorded is missing
	Changed Kind = "~" // the value or the order differs
)

// Difference is one place where an answer differs from the recorded one.
type Difference struct {
	Transcript string // "session-jwt", or "v4/session-jwt"
	Step       int    // from 1; 0 for the transcript itself
	Name       string // the step's note or request
	Kind       Kind
	Path       string // inside the step: "response.headers.vary"
	Recorded   string // JSON text; "" when there is none
	Got        string
}

func (d Difference) String() string {
	s := fmt.Sprintf("%s#%d (%s)\n    %s%s", d.Transcript, d.Step, d.Name, d.Kind, d.Path)
	if d.Recorded != "" {
		s += "\n        recorded " + d.Recorded
	}
	if d.Got != "" {
		s += "\n        got      " + d.Got
	}
	return s
}

// Compare returns where the transcript got differs from the recorded one.
//
// Placeholders ({{uuid:1}}, {{jwe:2}}, …) need not have the same numbers: they
// are numbered by first appearance, so it counts that equal values are equal
// and different ones differ. Query parameters of a URL are compared one by one,
// and cookies and form fields by name; their order is a difference of its own,
// with "(order)" at the end of its path. Logs are compared by the names of what
// was called, in order; what JavaScript passes as arguments is not compared.
func Compare(transcript string, recorded, got []byte) ([]Difference, error) {
	var r, g map[string]any
	if err := decode(recorded, &r); err != nil {
		return nil, fmt.Errorf("recorded %s: %w", transcript, err)
	}
	if err := decode(got, &g); err != nil {
		return nil, fmt.Errorf("%s: %w", transcript, err)
	}
	rs, _ := r["steps"].([]any)
	gs, _ := g["steps"].([]any)
	delete(r, "steps")
	delete(g, "steps")
	c := &comparison{transcript: transcript, there: make(map[string]string), back: make(map[string]string)}
	c.value("", r, g)
	for i := range max(len(rs), len(gs)) {
		c.step = i + 1
		switch {
		case i >= len(gs):
			c.name = stepName(rs[i])
			c.add(Missing, "", rs[i], nil)
		case i >= len(rs):
			c.name = stepName(gs[i])
			c.add(Added, "", nil, gs[i])
		default:
			c.name = stepName(rs[i])
			c.value("", rs[i], gs[i])
		}
	}
	return c.found, nil
}

func decode(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return d.Decode(v)
}

func stepName(step any) string {
	s, _ := step.(map[string]any)
	if note, ok := s["note"].(string); ok {
		return note
	}
	if r, ok := s["request"].(map[string]any); ok {
		return fmt.Sprint(r["method"], " ", r["path"])
	}
	return "no note"
}

type comparison struct {
	transcript string
	step       int
	name       string
	found      []Difference
	// which placeholder of the answer stands for which recorded one
	there, back map[string]string
}

func (c *comparison) add(kind Kind, path string, recorded, got any) {
	d := Difference{Transcript: c.transcript, Step: c.step, Name: c.name, Kind: kind, Path: path}
	if kind != Added {
		d.Recorded = text(recorded)
	}
	if kind != Missing {
		d.Got = text(got)
	}
	c.found = append(c.found, d)
}

func text(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Sprint(v)
	}
	return strings.TrimSpace(b.String())
}

func join(path, member string) string {
	if path == "" {
		return member
	}
	return path + "." + member
}

func (c *comparison) value(path string, recorded, got any) {
	switch r := recorded.(type) {
	case map[string]any:
		if g, ok := got.(map[string]any); ok {
			c.object(path, r, g)
			return
		}
	case []any:
		if g, ok := got.([]any); ok {
			c.list(path, r, g)
			return
		}
	case string:
		if g, ok := got.(string); ok {
			c.text(path, r, g)
			return
		}
	default:
		if recorded == got {
			return
		}
	}
	c.add(Changed, path, recorded, got)
}

func (c *comparison) object(path string, recorded, got map[string]any) {
	members := make(map[string]bool)
	for name := range recorded {
		members[name] = true
	}
	for name := range got {
		members[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		r, inRecorded := recorded[name]
		g, inGot := got[name]
		c.either(join(path, name), r, inRecorded, g, inGot)
	}
}

func (c *comparison) either(path string, r any, inRecorded bool, g any, inGot bool) {
	switch {
	case !inGot:
		c.add(Missing, path, r, nil)
	case !inRecorded:
		c.add(Added, path, nil, g)
	default:
		c.value(path, r, g)
	}
}

func (c *comparison) list(path string, recorded, got []any) {
	if path == "log" {
		c.sequence(path, called(recorded), called(got))
		return
	}
	if r, ok := scalars(recorded); ok {
		if g, ok := scalars(got); ok {
			c.sequence(path, r, g)
			return
		}
	}
	for _, member := range []string{"name", "action"} {
		r, ok := keyed(recorded, member)
		if !ok {
			continue
		}
		if g, ok := keyed(got, member); ok {
			c.named(path, r, g)
			return
		}
	}
	for i := range max(len(recorded), len(got)) {
		var r, g any
		if i < len(recorded) {
			r = recorded[i]
		}
		if i < len(got) {
			g = got[i]
		}
		c.either(fmt.Sprintf("%s[%d]", path, i), r, i < len(recorded), g, i < len(got))
	}
}

// called reduces a log to the names of what was called.
func called(log []any) []string {
	names := make([]string, len(log))
	for i, line := range log {
		names[i] = text(line)
		switch line := line.(type) {
		case string:
			names[i] = line
		case map[string]any:
			for _, kind := range []string{"adapter", "callback", "event"} {
				if name, ok := line[kind].(string); ok {
					names[i] = kind + " " + name
				}
			}
			if _, ok := line["authorize"]; ok {
				names[i] = "authorize"
			}
		}
	}
	return names
}

func scalars(list []any) ([]string, bool) {
	out := make([]string, len(list))
	for i, v := range list {
		switch v := v.(type) {
		case map[string]any, []any:
			return nil, false
		case string:
			out[i] = v
		default:
			out[i] = text(v)
		}
	}
	return out, true
}

type item struct {
	key   string
	value any
}

// keyed names the objects of a list by a member, without this site's origin;
// the second of a name gets "#2". It reports false unless each has one.
func keyed(list []any, member string) ([]item, bool) {
	out := make([]item, len(list))
	seen := make(map[string]int)
	for i, v := range list {
		o, _ := v.(map[string]any)
		name, ok := o[member].(string)
		if !ok {
			return nil, false
		}
		name = strings.TrimPrefix(name, "{{origin}}")
		seen[name]++
		if seen[name] > 1 {
			name = fmt.Sprintf("%s#%d", name, seen[name])
		}
		out[i] = item{name, v}
	}
	return out, true
}

func (c *comparison) named(path string, recorded, got []item) {
	var common [2][]string
	for _, r := range recorded {
		at := fmt.Sprintf("%s[%s]", path, r.key)
		i := slices.IndexFunc(got, func(g item) bool { return g.key == r.key })
		if i < 0 {
			c.add(Missing, at, r.value, nil)
			continue
		}
		common[0] = append(common[0], r.key)
		c.value(at, r.value, got[i].value)
	}
	for _, g := range got {
		if slices.ContainsFunc(recorded, func(r item) bool { return r.key == g.key }) {
			common[1] = append(common[1], g.key)
			continue
		}
		c.add(Added, fmt.Sprintf("%s[%s]", path, g.key), nil, g.value)
	}
	c.order(path, common[0], common[1])
}

func (c *comparison) order(path string, recorded, got []string) {
	if !slices.Equal(recorded, got) {
		c.add(Changed, path+"(order)", recorded, got)
	}
}

// sequence reports what has to be taken from and put into recorded to get got.
func (c *comparison) sequence(path string, recorded, got []string) {
	// longest[i][j] is the length of the longest common subsequence of
	// recorded[i:] and got[j:]
	longest := make([][]int, len(recorded)+1)
	for i := range longest {
		longest[i] = make([]int, len(got)+1)
	}
	equal := func(i, j int) bool { return c.binds(recorded[i], got[j]) }
	for i := len(recorded) - 1; i >= 0; i-- {
		for j := len(got) - 1; j >= 0; j-- {
			if equal(i, j) {
				longest[i][j] = longest[i+1][j+1] + 1
			} else {
				longest[i][j] = max(longest[i+1][j], longest[i][j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(recorded) || j < len(got) {
		switch {
		case i < len(recorded) && j < len(got) && equal(i, j):
			c.bind(recorded[i], got[j])
			i, j = i+1, j+1
		case j == len(got) || i < len(recorded) && longest[i+1][j] >= longest[i][j+1]:
			c.add(Missing, fmt.Sprintf("%s[%s]", path, recorded[i]), recorded[i], nil)
			i++
		default:
			c.add(Added, fmt.Sprintf("%s[%s]", path, got[j]), nil, got[j])
			j++
		}
	}
}

var placeholder = regexp.MustCompile(`\{\{(uuid|hex64|b64|jwe):\d+\}\}`)

// binds reports whether two strings are equal but for the numbers of their
// placeholders, and no placeholder stands for two.
func (c *comparison) binds(recorded, got string) bool {
	if placeholder.ReplaceAllString(recorded, "{{$1}}") != placeholder.ReplaceAllString(got, "{{$1}}") {
		return false
	}
	rs, gs := placeholder.FindAllString(recorded, -1), placeholder.FindAllString(got, -1)
	if len(rs) != len(gs) {
		return false
	}
	for i := range rs {
		if cmp.Or(c.there[rs[i]], gs[i]) != gs[i] || cmp.Or(c.back[gs[i]], rs[i]) != rs[i] {
			return false
		}
	}
	return true
}

func (c *comparison) bind(recorded, got string) {
	gs := placeholder.FindAllString(got, -1)
	for i, r := range placeholder.FindAllString(recorded, -1) {
		c.there[r], c.back[gs[i]] = gs[i], r
	}
}

func (c *comparison) text(path, recorded, got string) {
	if c.binds(recorded, got) {
		c.bind(recorded, got)
		return
	}
	rp, rq, ok := splitURL(recorded)
	gp, gq, ok2 := splitURL(got)
	if !ok || !ok2 || !c.binds(rp, gp) {
		c.add(Changed, path, recorded, got)
		return
	}
	c.bind(rp, gp)
	var common [2][]string
	for _, r := range rq {
		at := path + "?" + r.key
		i := slices.IndexFunc(gq, func(g item) bool { return g.key == r.key })
		if i < 0 {
			c.add(Missing, at, r.value, nil)
			continue
		}
		common[0] = append(common[0], r.key)
		if rv, gv := r.value.(string), gq[i].value.(string); c.binds(rv, gv) {
			c.bind(rv, gv)
		} else {
			c.add(Changed, at, rv, gv)
		}
	}
	for _, g := range gq {
		if slices.ContainsFunc(rq, func(r item) bool { return r.key == g.key }) {
			common[1] = append(common[1], g.key)
			continue
		}
		c.add(Added, path+"?"+g.key, nil, g.value)
	}
	c.order(path+"?", common[0], common[1])
}

var looksLikeURL = regexp.MustCompile(`^(https?://|\{\{(origin|oidc|oauth|db-origin)\}\}|/)[^ ?]*\?`)

// splitURL cuts a URL into what stands before the query and the parameters, as
// they are written.
func splitURL(s string) (string, []item, bool) {
	if !looksLikeURL.MatchString(s) {
		return "", nil, false
	}
	before, query, _ := strings.Cut(s, "?")
	var parameters []item
	seen := make(map[string]int)
	for p := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(p, "=")
		seen[name]++
		if seen[name] > 1 {
			name = fmt.Sprintf("%s#%d", name, seen[name])
		}
		parameters = append(parameters, item{name, value})
	}
	return before, parameters, true
}
