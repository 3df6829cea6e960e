package adaptertest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

)

// A Report is what Check found.
type Report struct {
	Results []Result
	Seed    uint64 // of the random data, for [Seed]
	err     error  // the options are wrong
}

// Status is how a case ended.
type Status string

// The statuses.
const (
	Passed       Status = "passed"
	Failed       Status = "failed"
	KnownFailure Status = "known"       // fails as [Known] says
	NotOffered   Status = "not offered" // the adapter or the options lack what it needs
)

// Result is one case.
type Result struct {
	ID     string
	Status Status
	// Reason says what is not offered or why the failure is known. A passed
	// case has one when a part of it is not offered.
	Reason  string
	Failure *Failure // of Failed and KnownFailure
}

// Failure tells how a case failed.
type Failure struct {
	Case, Rule string
	Why        string   // what must hold
	Did        []string // the calls, with what they returned
	Got, Want  string
	Cause      string   // what it usually is
	Fix        []string // per kind of store
	Seen       string   // where it happened to others; may be empty
}

func (f *Failure) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s (rule %s)\n", f.Case, f.Why, f.Rule)
	line := func(label, text string) {
		if text != "" {
			fmt.Fprintf(&b, "  %-6s %s\n", label+":", strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n         "))
		}
	}
	line("did", strings.Join(f.Did, "\n"))
	line("got", f.Got)
	line("want", f.Want)
	line("cause", f.Cause)
	line("fix", strings.Join(f.Fix, "\n"))
	line("seen", f.Seen)
	return strings.TrimRight(b.String(), "\n")
}

// Err is nil when no case failed.
func (r Report) Err() error {
	if r.err != nil {
		return r.err
	}
	var errs []error
	for _, c := range r.Results {
		if c.Status == Failed {
			errs = append(errs, errors.New(c.Failure.String()))
		}
	}
	return errors.Join(errs...)
}

func (r Report) count(s Status) (n int) {
	for _, c := range r.Results {
		if c.Status == s {
			n++
		}
	}
	return n
}

// String is one line: "passed 101 · known 1 · not offered 17 (no
// store.Transactor, …) · seed 1".
func (r Report) String() string {
	if r.err != nil {
		return r.err.Error()
	}
	parts := []string{}
	if n := r.count(Failed); n > 0 {
		parts = append(parts, fmt.Sprint("failed ", n))
	}
	parts = append(parts, fmt.Sprint("passed ", r.count(Passed)), fmt.Sprint("known ", r.count(KnownFailure)))
	missing := fmt.Sprint("not offered ", r.count(NotOffered))
	var why []string
	for _, c := range r.Results {
		reason := c.Reason
		if c.Status == Passed {
			_, reason, _ = strings.Cut(reason, "not offered: ")
			if reason != "" {
				reason += " in part"
			}
		}
		if (c.Status == NotOffered || c.Status == Passed) && reason != "" && !slices.Contains(why, reason) {
			why = append(why, reason)
		}
	}
	if len(why) > 0 {
		missing += " (" + strings.Join(why, ", ") + ")"
	}
	return strings.Join(append(parts, missing, fmt.Sprint("seed ", r.Seed)), " · ")
}
