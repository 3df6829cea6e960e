package adaptertest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A Report is the result of [Run] or [Check].
type Report struct {
	Results []Result
	Seed    uint64 // the seed of the random data, for [Seed]
	err     error  // invalid options
}

// Status is the outcome of a case.
type Status string

// The statuses of a case.
const (
	Passed       Status = "passed"
	Failed       Status = "failed"
	KnownFailure Status = "known"       // failed, as declared by [Known]
	NotOffered   Status = "not offered" // the adapter or the options lack something the case needs
)

// Result is the result of one case.
type Result struct {
	ID     string
	Status Status
	// Reason states what is not offered, or why the failure is known. It is set
	// for a passed case if a part of it is not offered.
	Reason  string
	Failure *Failure // set for Failed and KnownFailure
}

// Failure describes how a case failed.
type Failure struct {
	Case, Rule string
	Why        string   // the property that must hold
	Did        []string // the calls and their results
	Got, Want  string
	Cause      string   // the usual cause
	Fix        []string // how to fix it, by kind of store
	Seen       string   // where others had the same bug; may be empty
}

// String formats the failure as several lines of text.
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

// Err returns an error with every failure, or nil if no case failed. It also
// reports invalid options, with which no case runs.
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

// String returns a summary of one line: "passed 101 · known 1 · not offered 17
// (no store.Transactor, …) · seed 1".
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
