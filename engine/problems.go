package engine

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// settings applies defaults and the environment to a Config. It collects all
// problems, for New and Diagnose to report at once.
type settings struct {
	*core
	problems []error          // each a *configProblem
	warnings []*configProblem // about settings that work but may be unintended

	mailSecrets map[string]string // the ids of e-mail providers by their secret

	secret                         string // the first of Secrets
	secretFrom, urlFrom, trustFrom string // the fields or variables that set them
}

// configProblem is a mistake in the configuration.
type configProblem struct {
	code    string // of the warning that New logs; "" if only Diagnose reports it
	subject string
	err     error
	fix     string // what to do; may be ""
}

func (p *configProblem) Error() string {
	if p.fix == "" {
		return p.err.Error()
	}
	return p.err.Error() + ": " + p.fix
}

func (p *configProblem) Unwrap() error { return p.err }

func (s *settings) problem(subject, fix, format string, args ...any) {
	s.problems = append(s.problems, &configProblem{subject: subject, err: fmt.Errorf(format, args...), fix: fix})
}

// advise adds a warning that only Diagnose reports.
func (s *settings) advise(subject, fix, format string, args ...any) {
	s.warn("", subject, fix, format, args...)
}

func (s *settings) warn(code, subject, fix, format string, args ...any) {
	s.warnings = append(s.warnings, &configProblem{code, subject, fmt.Errorf(format, args...), fix})
}

// providerProblem adds a problem of the provider with the id.
func (s *settings) providerProblem(id, fix, format string, args ...any) {
	subject := about(id)
	s.problem(subject, fix, "%s: %w", subject, fmt.Errorf(format, args...))
}

// Subjects of problems.
const (
	aboutSecret    = "secret"
	aboutURL       = "public URL"
	aboutBasePath  = "base path"
	aboutCookies   = "cookies"
	aboutSessions  = "sessions"
	aboutSchema    = "schema"
	aboutPages     = "pages"
	aboutProviders = "providers"
	aboutAdapter   = "adapter"
	aboutDialect   = "dialect"
)

// about returns the subject of the problems of a provider.
func about(id string) string { return fmt.Sprintf("provider %q", id) }

func (s *settings) err() error {
	if len(s.problems) == 0 {
		return nil
	}
	return fmt.Errorf("engine: invalid configuration (see Diagnose for details):\n%w", errors.Join(s.problems...))
}

// envName returns the environment variable of a provider: AUTH_<ID>_<SUFFIX>.
func envName(id, suffix string) string {
	return "AUTH_" + strings.ToUpper(strings.ReplaceAll(id, "-", "_")) + "_" + suffix
}

func (s *settings) env(id, suffix string) string { return s.cfg.Getenv(envName(id, suffix)) }

// observedClient returns the client for requests to a provider.
func (s *settings) observedClient(provider string) *http.Client {
	if s.cfg.Observe == nil {
		return s.cfg.HTTPClient
	}
	client := *s.cfg.HTTPClient
	if client.Transport == nil {
		client.Transport = http.DefaultTransport
	}
	client.Transport = observedTransport{client.Transport, s.cfg.Observe, provider}
	return &client
}
