package engine

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sesame-auth/sesame/engine/internal/oauth"
	"github.com/sesame-auth/sesame/engine/store"
)

// Report is what [Diagnose] has found. It holds no secrets.
type Report struct {
	Findings []Finding // in the order of the configuration
}

// Finding is one thing that [Diagnose] looked at.
type Finding struct {
	// Level is slog.LevelInfo when it is as it should be, slog.LevelWarn when it
	// works and may be meant otherwise, slog.LevelError when it does not work.
	Level   slog.Level
	Subject string // "secret", "public URL", `provider "github"`
	Text    string // what was derived and from what, or what is wrong and why
	Fix     string // what to do; "" with LevelInfo
}

// OK reports whether nothing of the report has LevelError.
func (r Report) OK() bool {
	return !slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Level >= slog.LevelError })
}

// String is the report as text, with a line or two for each finding.
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

// Diagnose says what New would make of cfg and why, what is wrong with it, and
// what to do. It finds all that New finds, and more, because it tries what New
// does not touch: each provider is asked for its metadata, its keys, its clock,
// and whether it knows the client (with a code that cannot be good); the Adapter
// looks for rows that are not there and removes them, which changes nothing. It
// starts nothing, signs nobody in and sends no mail; cfg.Logger gets nothing.
//
// It takes some seconds at most: 15 for what does not answer, or as long as
// ctx. An application can print the report when a flag asks for it:
//
//	if *doctor {
//		report := engine.Diagnose(ctx, cfg)
//		fmt.Print(report)
//		…
//	}
func Diagnose(ctx context.Context, cfg Config) Report {
	ctx, cancel := context.WithTimeout(ctx, diagnosePatience)
	defer cancel()
	e := &Engine{cfg: cfg}
	d := &diagnosis{settings: &settings{Engine: e}}
	d.apply()
	defer e.Close()
	e.purging.close() // nothing purges
	e.cfg.Logger = slog.New(slog.DiscardHandler)

	d.derived()
	var work sync.WaitGroup
	probes := make([][]Finding, len(e.providers)+1)
	probe := func(into *[]Finding, look func(context.Context) []Finding) {
		work.Go(func() { *into = look(ctx) })
	}
	for i, p := range e.providers {
		probe(&probes[i], func(ctx context.Context) []Finding { return d.provider(ctx, p) })
	}
	if e.adapter != nil {
		probe(&probes[len(e.providers)], d.store)
	}
	work.Wait()
	d.findings = append(d.findings, slices.Concat(probes...)...)
	for _, w := range d.warnings {
		d.add(slog.LevelWarn, w.subject, w.fix, "%w", w.err)
	}
	for _, err := range d.problems {
		p := err.(*problem)
		d.add(slog.LevelError, p.subject, p.fix, "%w", p.err)
	}
	slices.SortStableFunc(d.findings, func(a, b Finding) int { return cmp.Compare(d.place(a), d.place(b)) })
	return Report{d.findings}
}

const (
	// diagnosePatience is how long Diagnose waits for whatever does not answer.
	diagnosePatience = 15 * time.Second
	// clockWarning and clockProblem are how far clocks may differ. Session
	// tokens of other servers are taken 15 seconds early or late, ID tokens 30
	// seconds.
	clockWarning = 15 * time.Second
	clockProblem = 60 * time.Second
)

// diagnosis is a Report in the making.
type diagnosis struct {
	*settings
	findings []Finding
}

func (d *diagnosis) add(level slog.Level, subject, fix, format string, args ...any) {
	text := strings.TrimPrefix(fmt.Errorf(format, args...).Error(), subject+": ")
	d.findings = append(d.findings, Finding{level, subject, text, fix})
}

func (d *diagnosis) info(subject, format string, args ...any) {
	d.add(slog.LevelInfo, subject, "", format, args...)
}

// place is where a finding stands: as the fields stand in Config, and the
// providers in their order.
func (d *diagnosis) place(f Finding) int {
	order := []string{aboutSecret, aboutDialect, aboutURL, aboutBasePath, aboutCookies, aboutSessions, aboutSchema, aboutAdapter, aboutPages, aboutProviders}
	if at := slices.Index(order, f.Subject); at >= 0 {
		return at
	}
	for i, p := range d.cfg.Providers {
		if !isNil(p) && f.Subject == about(p.ProviderInfo().ID) {
			return len(order) + i
		}
	}
	return len(order) + len(d.cfg.Providers) // the clock
}

func about(id string) string { return fmt.Sprintf("provider %q", id) }

// derived says what New derives, and from what.
func (d *diagnosis) derived() {
	c := &d.cfg
	if c.Secret != "" {
		older := ""
		if n := len(c.OldSecrets); n > 0 {
			older = fmt.Sprintf("; %s accepted as well", count(n, "older secret"))
		}
		d.info(aboutSecret, "%d characters, from %s%s", len(c.Secret), d.secretFrom, older)
	}
	versions := map[Dialect]string{DialectV5: "next-auth 5 (Auth.js)", DialectV4: "next-auth 4"}
	d.info(aboutDialect, "%s, for clients and servers of %s", d.dialect.Dialect, versions[c.Dialect])
	d.derivedURL()

	secure, why := d.secure()
	set := newCookieSet(d.dialect, &c.Cookies, secure)
	domain := ""
	if set.session.Domain != "" {
		domain = "; the session is shared with all hosts below " + set.session.Domain
	}
	names := []string{set.session.Name, set.csrf.Name, set.callbackURL.Name, set.state.Name, set.pkce.Name, set.nonce.Name}
	kind := "not secure"
	if secure {
		kind = "secure"
	}
	d.info(aboutCookies, "%s, because %s: %s%s", kind, why, strings.Join(names, ", "), domain)

	from := "SessionStrategy"
	if c.SessionStrategy == "" {
		from = "the default with an Adapter"
		if c.Adapter == nil {
			from = "the default without an Adapter"
		}
	}
	extended := fmt.Sprintf("every %v", c.SessionUpdateAge)
	if c.SessionUpdateAge < 0 {
		extended = "on every read"
	}
	d.info(aboutSessions, "strategy %s, from %s; they live for %v, and are extended %s", or(string(d.strategy), "unknown"), from, c.SessionMaxAge, extended)
	if d.adapter == nil {
		d.info(aboutAdapter, "none: nothing is stored")
	}
}

func (d *diagnosis) derivedURL() {
	var from []string
	switch {
	case d.origin != "":
		from = append(from, d.origin+", from "+d.urlFrom)
	case len(d.hosts) > 0:
		hosts := make([]string, len(d.hosts))
		for i, a := range d.hosts {
			hosts[i] = a.String()
		}
		from = append(from, "that of each request, for "+strings.Join(hosts, ", ")+" (AllowedHosts)")
	case d.trustHost:
		from = append(from, "that of each request, because "+d.trustFrom+" is true")
	case len(d.proxies) > 0:
		from = append(from, "that of each request that comes from TrustedProxies, or goes to localhost")
	default:
		from = append(from, "that of each request to localhost")
	}
	if d.origin == "" && len(d.proxies) > 0 {
		from = append(from, fmt.Sprintf("X-Forwarded-Host and -Proto count from %v", d.proxies))
	}
	d.info(aboutURL, "%s", strings.Join(from, "; "))

	base := "the default"
	switch {
	case d.cfg.BasePath != "":
		base = "from BasePath"
	case d.base != "/api/auth":
		base = "from the path of " + d.urlFrom
	}
	if d.path != d.base {
		base += "; browsers see " + d.path + ", a proxy takes the beginning off"
	}
	d.info(aboutBasePath, "%s, %s: mount the engine at %s/", d.base, base, d.base)
}

// secure is what cookies are, as far as that is known before a request, and
// why.
func (d *diagnosis) secure() (bool, string) {
	switch {
	case d.cfg.UseSecureCookies != nil:
		return *d.cfg.UseSecureCookies, "UseSecureCookies says so"
	case d.origin != "":
		return strings.HasPrefix(d.origin, "https:"), "the public URL is " + d.origin
	case len(d.hosts) > 0 && !slices.ContainsFunc(d.hosts, func(a allowedHost) bool { return a.scheme != "https" }):
		return true, "each of AllowedHosts is https"
	}
	return false, "no public URL is set (for a request that comes by https they are secure, and their names begin with __Secure- or __Host-)"
}

// ---- providers

func (d *diagnosis) provider(ctx context.Context, p *provider) []Finding {
	sub := &diagnosis{settings: d.settings}
	subject := about(p.ID)
	origin := d.origin
	for _, a := range d.hosts {
		if origin == "" && !a.below {
			origin = or(a.scheme, "https") + "://" + a.host
		}
	}
	callback := or(origin, "<public URL>") + d.path + "/callback/" + p.ID
	switch {
	case p.credentials != nil:
		sub.info(subject, "credentials, checked by the application")
	case p.email != nil:
		sub.info(subject, "links by mail, sent by %T", p.email.Sender)
	case p.flow != nil:
		sub.flow(ctx, p, subject, callback)
	}
	return sub.findings
}

func (d *diagnosis) flow(ctx context.Context, p *provider, subject, callback string) {
	if strings.HasPrefix(callback, "<") {
		d.info(subject, "%s; its redirect URI, to be registered there, is %s", p.Type, callback)
		callback = "https://localhost" + d.path + "/callback/" + p.ID
	} else {
		d.info(subject, "%s; register %s as its redirect URI", p.Type, callback)
	}
	var r oauth.Report
	if err := guard(func() error { r = p.flow.client.Probe(ctx, callback); return nil }); err != nil {
		d.add(slog.LevelError, subject, "HTTPClient must not panic", "asking it: %w", err)
		return
	}
	for _, found := range r.Problems {
		fix := or(found.Hint, "compare what is configured with what the provider documents")
		d.add(slog.LevelError, subject, fix, "%w", found.Err)
	}
	switch {
	case len(r.Problems) > 0:
	case r.KnowsClient:
		d.info(subject, "it answers, and knows the client")
	default:
		d.info(subject, "it answers")
	}
	level := slog.LevelWarn
	switch skew := r.Skew.Abs(); {
	case !r.HasClock || skew < clockWarning:
		return
	case skew >= clockProblem:
		level = slog.LevelError
	}
	way := "behind"
	if r.Skew < 0 {
		way = "ahead of"
	}
	d.add(level, "clock", "set the clock of this machine by NTP; ID tokens and sessions of other servers are refused while it is wrong",
		"the clock of this machine is %v %s that of %s", r.Skew.Abs().Round(time.Second), way, subject)
}

// ---- the adapter

// attempt is a call of the adapter for rows that are not there.
type attempt struct {
	doing string
	write bool
	call  func(context.Context) error
}

// attempts are the calls that the configuration needs.
func (d *diagnosis) attempts(nobody string) []attempt {
	a, email := d.adapter, nobody+"@sesame.invalid"
	out := []attempt{
		{"reading a user", false, func(ctx context.Context) error { _, err := a.GetUser(ctx, nobody); return err }},
		{"reading a user by address", false, func(ctx context.Context) error { _, err := a.GetUserByEmail(ctx, email); return err }},
		{"reading the user of an account", false, func(ctx context.Context) error { _, err := a.GetUserByAccount(ctx, "sesame", nobody); return err }},
		{"removing an account", true, func(ctx context.Context) error { return a.UnlinkAccount(ctx, "sesame", nobody) }},
	}
	if i, ok := a.(store.Inspector); ok {
		out = append(out, attempt{"looking at the layout", false, i.Inspect})
	}
	if d.strategy == StrategyDatabase {
		out = append(out,
			attempt{"reading a session", false, func(ctx context.Context) error { _, _, err := a.GetSessionAndUser(ctx, nobody); return err }},
			attempt{"removing a session", true, func(ctx context.Context) error { return a.DeleteSession(ctx, nobody) }})
	}
	if slices.ContainsFunc(d.providers, func(p *provider) bool { return p.email != nil }) {
		out = append(out, attempt{"using up the token of a mail link", true, func(ctx context.Context) error {
			_, err := a.UseVerificationToken(ctx, email, nobody)
			return err
		}})
	}
	return out
}

// store tries the adapter. What fails, and what does not, tells why.
func (d *diagnosis) store(ctx context.Context) []Finding {
	sub := &diagnosis{settings: d.settings}
	var random [16]byte
	if _, err := io.ReadFull(d.cfg.Rand, random[:]); err != nil {
		sub.add(slog.LevelError, aboutAdapter, "check Config.Rand", "the source of randomness failed: %w", err)
		return sub.findings
	}
	nobody := "sesame-doctor-" + hex.EncodeToString(random[:])
	what := fmt.Sprintf("%T", d.adapter)
	if s, ok := d.adapter.(fmt.Stringer); ok {
		what += " (" + s.String() + ")"
	}
	if d.traits.SharedWithAuthJS {
		what += ", shared with an Auth.js app"
	}
	attempts := d.attempts(nobody)
	failed := make(map[bool][]string) // by write
	done := make(map[bool]int)
	for _, t := range attempts {
		err := patient(ctx, t.call)
		if errors.Is(err, store.ErrNotFound) {
			err = nil
		}
		done[t.write]++
		if err != nil {
			failed[t.write] = append(failed[t.write], fmt.Sprintf("%s: %v", t.doing, err))
			if ctx.Err() != nil {
				break
			}
		}
	}
	reads, writes := len(failed[false]), len(failed[true])
	all := append(failed[false], failed[true]...)
	switch {
	case ctx.Err() != nil:
		sub.add(slog.LevelError, aboutAdapter, "can the database be reached from here, and is it free of long locks?", "%s does not answer: %s", what, all[0])
	case len(all) == 0:
		sub.info(aboutAdapter, "%s: it reads and writes", what)
	case reads == 0 && writes == done[true]:
		sub.add(slog.LevelError, aboutAdapter, "connect to the primary rather than a replica, with a user that may write; a file needs the right to write it and its folder",
			"%s can be read and not written: %s", what, all[0])
	case len(all) == len(attempts):
		sub.add(slog.LevelError, aboutAdapter, "check the address, the user and the password of the database, and that the tables of the adapter were made in it",
			"%s cannot be used: %s", what, all[0])
	default:
		sub.add(slog.LevelError, aboutAdapter, "other calls work, so a table or a column is missing or laid out otherwise: run the migrations of the adapter, or choose the layout that the tables have",
			"%s: %s", what, strings.Join(all, "; "))
	}
	return sub.findings
}

// patient makes a call that may not return, or panic.
func patient(ctx context.Context, call func(context.Context) error) error {
	answer := make(chan error, 1)
	go func() { answer <- guard(func() error { return call(ctx) }) }()
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
