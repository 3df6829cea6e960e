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

	"github.com/sesame-auth/sesame/engine/store"
)

// Diagnose reports how New interprets cfg, any problems, and their solutions. It
// finds all that New finds and, unlike New, contacts other systems: it requests
// each provider's metadata, keys and clock, and checks that the provider knows
// the client (with an invalid code); it has the Adapter read and remove rows that
// do not exist, which changes nothing. It signs nobody in, sends no mail, logs
// nothing and starts no background work.
//
// Diagnose takes a few seconds, and at most 15, or until ctx ends. An application
// can print the report on demand:
//
//	if *doctor {
//		report := engine.Diagnose(ctx, cfg)
//		fmt.Print(report)
//		…
//	}
func Diagnose(ctx context.Context, cfg Config) Report {
	ctx, cancel := context.WithTimeout(ctx, diagnosePatience)
	defer cancel()
	cfg.Observe = nil
	e := newEngine(cfg)
	d := &diagnosis{settings: e.setUp()}
	defer e.Close()
	e.purging.stop()
	e.cfg.Logger = slog.New(slog.DiscardHandler)

	d.derived()
	var work sync.WaitGroup
	probes := make([][]Finding, len(e.providers)+1)
	probe := func(into *[]Finding, check func(context.Context) []Finding) {
		work.Go(func() { *into = check(ctx) })
	}
	for i, w := range e.providers {
		probe(&probes[i], func(ctx context.Context) []Finding {
			sub := new(reporter)
			w.diagnose(ctx, d.callbackURL(w.describe().ID), sub)
			return sub.findings
		})
	}
	if e.adapter.Adapter != nil {
		probe(&probes[len(e.providers)], func(ctx context.Context) []Finding { return d.tryAdapter(ctx, len(d.mailSecrets) > 0) })
	}
	work.Wait()
	d.findings = append(d.findings, slices.Concat(probes...)...)
	for _, w := range d.warnings {
		d.add(slog.LevelWarn, w.subject, w.fix, "%w", w.err)
	}
	for _, err := range d.problems {
		p := err.(*configProblem)
		d.add(slog.LevelError, p.subject, p.fix, "%w", p.err)
	}
	slices.SortStableFunc(d.findings, func(a, b Finding) int { return cmp.Compare(d.position(a), d.position(b)) })
	return Report{d.findings}
}

// diagnosePatience is how long Diagnose waits for answers.
const diagnosePatience = 15 * time.Second

// diagnosis is a Report in the making.
type diagnosis struct {
	*settings
	reporter
}

// position returns the position of a finding in the report: in the order of the
// fields of Config, and of the providers.
func (d *diagnosis) position(f Finding) int {
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

// derived reports the settings that New derives, and their sources.
func (d *diagnosis) derived() {
	c := &d.cfg
	if d.secret != "" {
		older := ""
		if n := len(c.Secrets) - 1; n > 0 {
			older = fmt.Sprintf("; %s accepted as well", count(n, "older secret"))
		}
		d.info(aboutSecret, "%d characters, from %s%s", len(d.secret), d.secretFrom, older)
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
	d.info(aboutSessions, "strategy %s, from %s; they live for %v, and are extended %s", cmp.Or(string(d.strategy), "unknown"), from, c.SessionMaxAge, extended)
	if d.adapter.Adapter == nil {
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
		from = append(from, "that of each request from TrustedProxies, or to localhost")
	default:
		from = append(from, "that of each request to localhost")
	}
	if d.origin == "" && len(d.proxies) > 0 {
		from = append(from, fmt.Sprintf("X-Forwarded-Host and -Proto are trusted from %v", d.proxies))
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
		base += "; browsers see " + d.path + ", a proxy strips the prefix"
	}
	d.info(aboutBasePath, "%s, %s: mount the engine at %s/", d.base, base, d.base)
}

// secure reports whether cookies are secure, as far as known before a request,
// and why.
func (d *diagnosis) secure() (bool, string) {
	switch {
	case d.cfg.UseSecureCookies != nil:
		return *d.cfg.UseSecureCookies, fmt.Sprintf("UseSecureCookies is %v", *d.cfg.UseSecureCookies)
	case d.origin != "":
		return strings.HasPrefix(d.origin, "https:"), "the public URL is " + d.origin
	case len(d.hosts) > 0 && !slices.ContainsFunc(d.hosts, func(a allowedHost) bool { return a.scheme != "https" }):
		return true, "all AllowedHosts are https"
	}
	return false, "no public URL is set (for https requests they are secure, and their names begin with __Secure- or __Host-)"
}

// callbackURL returns the callback of a provider, as far as known before a
// request.
func (d *diagnosis) callbackURL(id string) string {
	origin := d.origin
	for _, a := range d.hosts {
		if origin == "" && !a.wildcard {
			origin = cmp.Or(a.scheme, "https") + "://" + a.host
		}
	}
	return cmp.Or(origin, "<public URL>") + d.path + "/callback/" + id
}

// ---- the adapter

// trial is a call of the adapter for a row that does not exist.
type trial struct {
	doing string
	write bool
	call  func(context.Context) error
}

// trials are the calls that the configuration needs.
func (d *diagnosis) trials(nobody string, mail bool) []trial {
	a, email := d.adapter, nobody+"@sesame.invalid"
	out := []trial{
		{"reading a user", false, func(ctx context.Context) error { _, err := a.GetUser(ctx, nobody); return err }},
		{"reading a user by address", false, func(ctx context.Context) error { _, err := a.GetUserByEmail(ctx, email); return err }},
		{"reading the user of an account", false, func(ctx context.Context) error { _, err := a.GetUserByAccount(ctx, "sesame", nobody); return err }},
		{"removing an account", true, func(ctx context.Context) error { return a.UnlinkAccount(ctx, "sesame", nobody) }},
	}
	if a.inspector != nil {
		out = append(out, trial{"inspecting the layout", false, a.inspector.Inspect})
	}
	if d.strategy == StrategyDatabase {
		out = append(out,
			trial{"reading a session", false, func(ctx context.Context) error { _, _, err := a.GetSessionAndUser(ctx, nobody); return err }},
			trial{"removing a session", true, func(ctx context.Context) error { return a.DeleteSession(ctx, nobody) }})
	}
	if mail {
		out = append(out, trial{"using up the token of a mail link", true, func(ctx context.Context) error {
			_, err := a.UseVerificationToken(ctx, email, nobody)
			return err
		}})
	}
	return out
}

// tryAdapter tries the adapter. The pattern of failures suggests the cause.
func (d *diagnosis) tryAdapter(ctx context.Context, mail bool) []Finding {
	sub := new(reporter)
	var random [16]byte
	if _, err := io.ReadFull(d.cfg.Rand, random[:]); err != nil {
		sub.add(slog.LevelError, aboutAdapter, "check Config.Rand", "the source of randomness failed: %w", err)
		return sub.findings
	}
	nobody := "sesame-doctor-" + hex.EncodeToString(random[:])
	what := fmt.Sprintf("%T", d.cfg.Adapter)
	if s, ok := d.cfg.Adapter.(fmt.Stringer); ok {
		what += " (" + s.String() + ")"
	}
	if d.adapter.traits.SharedWithAuthJS {
		what += ", shared with an Auth.js app"
	}
	trials := d.trials(nobody, mail)
	failed := make(map[bool][]string) // by write
	done := make(map[bool]int)
	for _, t := range trials {
		err := guardedCall(ctx, t.call)
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
		sub.add(slog.LevelError, aboutAdapter, "check that the database is reachable from here, and free of long locks", "%s does not answer: %s", what, all[0])
	case len(all) == 0:
		sub.info(aboutAdapter, "%s: it reads and writes", what)
	case reads == 0 && writes == done[true]:
		sub.add(slog.LevelError, aboutAdapter, "connect to the primary rather than a replica, with a user that may write; for a file, make it and its folder writable",
			"%s can be read but not written: %s", what, all[0])
	case len(all) == len(trials):
		sub.add(slog.LevelError, aboutAdapter, "check the address, the user and the password of the database, and that it has the adapter's tables",
			"%s cannot be used: %s", what, all[0])
	default:
		sub.add(slog.LevelError, aboutAdapter, "other calls work, so a table or a column is missing or different: run the migrations of the adapter, or choose the layout of the existing tables",
			"%s: %s", what, strings.Join(all, "; "))
	}
	return sub.findings
}

// guardedCall makes a call that may panic, or outlive ctx.
func guardedCall(ctx context.Context, call func(context.Context) error) error {
	answer := make(chan error, 1)
	go func() { answer <- guard(func() error { return call(ctx) }) }()
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
