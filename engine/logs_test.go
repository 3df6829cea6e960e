package engine_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
)

// logLine is a line of the log.
type logLine struct {
	level slog.Level
	msg   string
	attrs map[string]string
}

func (l logLine) String() string { return fmt.Sprintf("%v %s %v", l.level, l.msg, l.attrs) }

// logs is a slog.Handler that records every line.
type logs struct {
	mu    sync.Mutex
	lines []logLine
}

func (l *logs) Enabled(context.Context, slog.Level) bool { return true }

func (l *logs) WithAttrs([]slog.Attr) slog.Handler { return l }

func (l *logs) WithGroup(string) slog.Handler { return l }

func (l *logs) Handle(_ context.Context, r slog.Record) error {
	entry := logLine{level: r.Level, msg: r.Message, attrs: map[string]string{}}
	r.Attrs(func(a slog.Attr) bool {
		entry.attrs[a.Key] = a.Value.String()
		return true
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, entry)
	return nil
}

// problems returns the lines at warn and error.
func (l *logs) problems() (out []logLine) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, entry := range l.lines {
		if entry.level >= slog.LevelWarn {
			out = append(out, entry)
		}
	}
	return out
}

func (l *logs) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = nil
}

// canary registers a value that must never be logged.
func (s *site) canary(value, what string) {
	if len(value) < 16 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.canaries[value] = what
}

// checkLogs checks that no canary was logged.
func (s *site) checkLogs() {
	for _, entry := range append(s.history, s.logs.lines...) {
		text := entry.String()
		for value, what := range s.canaries {
			if strings.Contains(text, value) {
				s.t.Errorf("%s is in the log: %s", what, entry)
			}
		}
	}
}

// resetLog clears the log and the recorded calls of the adapter.
func (s *site) resetLog() {
	s.mu.Lock()
	s.history = append(s.history, s.logs.lines...)
	s.mu.Unlock()
	s.logs.reset()
	if s.store != nil {
		s.store.reset()
	}
}

// problem returns the only line at warn or error since resetLog.
func (s *site) problem(t testing.TB) logLine {
	t.Helper()
	lines := s.logs.problems()
	if len(lines) != 1 {
		t.Fatalf("%d lines at warn or error in the log, want one:\n%v", len(lines), lines)
	}
	entry := lines[0]
	for _, key := range []string{"request_id", "cause", "code"} {
		if entry.attrs[key] == "" {
			t.Errorf("the log line has no %s: %v", key, entry)
		}
	}
	return entry
}

// quiet checks that nothing was logged at warn or error since resetLog.
func (s *site) quiet(t testing.TB) {
	t.Helper()
	if lines := s.logs.problems(); len(lines) > 0 {
		t.Errorf("lines at warn or error in the log: %v", lines)
	}
}
