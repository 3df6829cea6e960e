package engine

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
)

// Report is the result of [Diagnose]. It holds no secrets.
type Report struct {
	Findings []Finding // in the order of the configuration
}

// Finding is the result of one check of [Diagnose].
type Finding struct {
	// Level is slog.LevelInfo if all is well, slog.LevelWarn for a setting that
	// works but may be unintended, and slog.LevelError for one that fails.
	Level   slog.Level
	Subject string // "secret", "public URL", `provider "github"`
	Text    string // the derived setting and its source, or the problem
	Fix     string // what to do; "" with LevelInfo
}

// OK reports whether no finding has LevelError.
func (r Report) OK() bool {
	return !slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Level >= slog.LevelError })
}

// String returns the report as text, with one or two lines for each finding.
func (r Report) String() string {
	width := 0
	for _, f := range r.Findings {
		width = max(width, len(f.Subject))
	}
	var b strings.Builder
	problems, warnings := 0, 0
	for _, f := range r.Findings {
		label := "ok"
		switch {
		case f.Level >= slog.LevelError:
			label = "FAIL"
			problems++
		case f.Level >= slog.LevelWarn:
			label = "warn"
			warnings++
		}
		fmt.Fprintf(&b, "%-4s  %-*s  %s\n", label, width, f.Subject, oneLine(f.Text))
		if f.Fix != "" {
			fmt.Fprintf(&b, "%-4s  %-*s  fix: %s\n", "", width, "", oneLine(f.Fix))
		}
	}
	fmt.Fprintf(&b, "%s, %s\n", count(problems, "problem"), count(warnings, "warning"))
	return b.String()
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// reporter collects findings.
type reporter struct{ findings []Finding }

func (r *reporter) add(level slog.Level, subject, fix, format string, args ...any) {
	text := strings.TrimPrefix(fmt.Errorf(format, args...).Error(), subject+": ")
	r.findings = append(r.findings, Finding{level, subject, text, fix})
}

func (r *reporter) info(subject, format string, args ...any) {
	r.add(slog.LevelInfo, subject, "", format, args...)
}
