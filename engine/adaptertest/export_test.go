package adaptertest

import "time"

// Options for the tests of the suite itself.
func Only(ids ...string) Option        { return only(ids...) }
func Stopping() Option                 { return stopping() }
func HangAfter(d time.Duration) Option { return hangAfter(d) }

// Describe returns the rule and the sentence of every case, by id.
func Describe() map[string][2]string {
	m := map[string][2]string{}
	for _, c := range allCases() {
		m[c.id] = [2]string{c.rule, c.why}
	}
	return m
}

// Unexplained returns the cases whose failure would lack an explanation.
func Unexplained() (ids []string) {
	for _, c := range allCases() {
		if c.rule == "" || c.why == "" || c.advice == nil || c.advice.cause == "" || len(c.advice.fix) == 0 || len(c.parts) == 0 {
			ids = append(ids, c.id)
		}
	}
	return ids
}
