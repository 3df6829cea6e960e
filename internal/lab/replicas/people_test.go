package replicas

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// story is what some people do. Its error is what must not happen.
type story struct {
	name   string
	people []string // their addresses
	run    func(ctx context.Context, w *world) error
}

// people are two hundred persons, with what they do.
func people() (all []story) {
	add := func(n int, kind string, run func(ctx context.Context, w *world, who string, i int) error) {
		for i := range n {
			who := fmt.Sprintf("%s-%d@example.com", kind, i)
			all = append(all, story{who, []string{who}, func(ctx context.Context, w *world) error { return run(ctx, w, who, i) }})
		}
	}
	add(45, "provider", inAndOut((*browser).byProvider))
	add(45, "mail", inAndOut((*browser).byMail))
	add(40, "password", inAndOut((*browser).byPassword))
	add(12, "tabs", twoFlows)
	add(12, "devices", twoFlows)
	add(8, "passwords", twoPasswords)
	add(15, "contested", contestedLink)
	add(9, "linking", linkTwice)
	for i := range 5 {
		a, b := fmt.Sprintf("rival-%d-a@example.com", i), fmt.Sprintf("rival-%d-b@example.com", i)
		all = append(all, story{a, []string{a, b}, func(ctx context.Context, w *world) error { return rivals(ctx, w, prize(i), a, b) }})
	}
	for _, v := range []struct {
		who string
		way func(*browser, context.Context) error
	}{
		{"victim-" + atUser + "@mail.example", (*browser).byMail},
		{"victim-" + atUser + "@password.example", (*browser).byPassword},
		{"victim-" + atAccount + "@provider.example", (*browser).byProvider},
		{"victim-" + atAnswer + "@provider.example", (*browser).byProvider},
	} {
		all = append(all, story{v.who, []string{v.who}, func(ctx context.Context, w *world) error { return beVictim(ctx, w, v.who, v.way) }})
	}
	return all
}

const victims = 4

// prize is the address of an account that two people want.
func prize(i int) string { return fmt.Sprintf("prize-%d@example.com", i) }

// inAndOut signs in for the first time. Some sign out and in again, some have a
// second device that stays, some stay.
func inAndOut(way func(*browser, context.Context) error) func(context.Context, *world, string, int) error {
	return func(ctx context.Context, w *world, who string, i int) error {
		b := w.browser(who)
		in := func(b *browser) error {
			if err := again(func() error { return way(b, ctx) }); err != nil {
				return err
			}
			return again(func() error { return b.read(ctx, true) })
		}
		if err := in(b); err != nil {
			return fmt.Errorf("the first sign-in: %w", err)
		}
		switch i % 3 {
		case 0:
			if err := leaveWhileReading(ctx, b); err != nil {
				return err
			}
			if err := in(b); err != nil {
				return fmt.Errorf("the sign-in after a sign-out: %w", err)
			}
		case 1:
			other := w.browser(who)
			if err := in(other); err != nil {
				return fmt.Errorf("the second device: %w", err)
			}
			if err := leaveWhileReading(ctx, b); err != nil {
				return err
			}
			return again(func() error { return other.read(ctx, true) })
		}
		return nil
	}
}

// leaveWhileReading signs out in one tab while others read the session.
func leaveWhileReading(ctx context.Context, b *browser) error {
	err := together(4, func(i int) error {
		if i == 0 {
			return again(func() error { return b.signOut(ctx) })
		}
		r, err := b.do(ctx, http.MethodGet, "/session", nil)
		if errors.Is(err, errLost) {
			return nil
		}
		if err != nil {
			return err
		}
		if who, err := emailOf(r.body); err != nil || who != "" && who != b.who {
			return fmt.Errorf("a tab reads %s (%v)", r.body, err)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("signing out while other tabs read: %w", err)
	}
	if b.sessionToken() != "" {
		return errors.New("the session cookie is back after the sign-out")
	}
	return again(func() error { return b.read(ctx, false) })
}

// twoFlows signs in a new person twice at the same moment: in two tabs of one
// browser, or on two devices.
func twoFlows(ctx context.Context, w *world, who string, _ int) error {
	tabs := []*browser{w.browser(who), w.browser(who)}
	if who[:4] == "tabs" {
		tabs[1].jar = tabs[0].jar
	}
	callbacks := make([]string, len(tabs))
	for i, b := range tabs {
		err := again(func() (err error) {
			callbacks[i], err = b.startFlow(ctx, who)
			return err
		})
		if err != nil {
			return err
		}
	}
	lost := make([]bool, len(tabs))
	err := together(len(tabs), func(i int) error {
		err := tabs[i].signedIn(tabs[i].do(ctx, http.MethodGet, callbacks[i], nil))
		lost[i] = errors.Is(err, errLost)
		return unlessLost(err)
	})
	if err != nil {
		return fmt.Errorf("two first sign-ins at once: %w", err)
	}
	for i, b := range tabs {
		if lost[i] { // the code may have been used
			if err := b.byProvider(ctx); err != nil {
				return fmt.Errorf("after a lost answer: %w", err)
			}
		}
	}
	for _, b := range tabs {
		if err := again(func() error { return b.read(ctx, true) }); err != nil {
			return err
		}
	}
	return nil
}

// twoPasswords signs in a new person on two devices at the same moment.
func twoPasswords(ctx context.Context, w *world, who string, _ int) error {
	devices := []*browser{w.browser(who), w.browser(who)}
	err := together(len(devices), func(i int) error {
		return again(func() error { return devices[i].byPassword(ctx) })
	})
	if err != nil {
		return fmt.Errorf("two first sign-ins at once: %w", err)
	}
	for _, b := range devices {
		if err := again(func() error { return b.read(ctx, true) }); err != nil {
			return err
		}
	}
	return nil
}

// contestedLink has four browsers click on the button of one link at the same
// moment.
func contestedLink(ctx context.Context, w *world, who string, _ int) error {
	var browsers []*browser
	for range 4 {
		browsers = append(browsers, w.browser(who))
	}
	var l link
	err := again(func() (err error) {
		l, err = browsers[0].askForLink(ctx)
		return err
	})
	if err != nil {
		return err
	}
	clicks := make([]func() (response, error), len(browsers))
	err = together(len(browsers), func(i int) error {
		return again(func() (err error) {
			clicks[i], err = browsers[i].open(ctx, l)
			return err
		})
	})
	if err != nil {
		return err
	}
	signedIn, lost := make([]bool, len(browsers)), make([]bool, len(browsers))
	err = together(len(browsers), func(i int) error {
		r, err := clicks[i]()
		switch {
		case errors.Is(err, errLost):
			lost[i] = true
			return nil
		case err == nil && r.session == "" && r.failed() == "Verification":
			return nil
		}
		signedIn[i] = true
		return browsers[i].signedIn(r, err)
	})
	if err != nil {
		return fmt.Errorf("four browsers and one link: %w", err)
	}
	switch got, gone := count(signedIn), count(lost); {
	case got > 1, got == 0 && gone == 0:
		return fmt.Errorf("one link has signed in %d of 4 browsers (%d answers were lost)", got, gone)
	case got == 0:
		signedIn[0] = true
		if err := browsers[0].byMail(ctx); err != nil {
			return fmt.Errorf("after the link was lost: %w", err)
		}
	}
	for i, b := range browsers {
		if err := again(func() error { return b.read(ctx, signedIn[i]) }); err != nil {
			return err
		}
	}
	return nil
}

func count(all []bool) (n int) {
	for _, v := range all {
		if v {
			n++
		}
	}
	return n
}

// linkTwice links an account to somebody who is signed in, in two tabs at the
// same moment.
func linkTwice(ctx context.Context, w *world, who string, _ int) error {
	b := w.browser(who)
	if err := again(func() error { return b.byMail(ctx) }); err != nil {
		return err
	}
	callbacks := make([]string, 2)
	for i := range callbacks {
		err := again(func() (err error) {
			callbacks[i], err = b.startFlow(ctx, who)
			return err
		})
		if err != nil {
			return err
		}
	}
	lost := make([]bool, len(callbacks))
	err := together(len(callbacks), func(i int) error {
		taken, err := b.link(ctx, callbacks[i])
		if taken {
			err = errors.New("the account is somebody else's")
		}
		lost[i] = errors.Is(err, errLost)
		return unlessLost(err)
	})
	if err != nil {
		return fmt.Errorf("linking in two tabs: %w", err)
	}
	if count(lost) > 0 {
		if taken, err := b.linkAgain(ctx, who); err != nil || taken {
			return fmt.Errorf("linking again: taken %v, %w", taken, err)
		}
	}
	return again(func() error { return b.read(ctx, true) })
}

// link ends a flow that links an account, and reports whether another user has
// it.
func (b *browser) link(ctx context.Context, callback string) (taken bool, err error) {
	r, err := b.do(ctx, http.MethodGet, callback, nil)
	switch {
	case err != nil:
		return false, err
	case r.failed() == "OAuthAccountNotLinked":
		return true, nil
	case r.failed() != "" || r.status != http.StatusFound:
		return false, fmt.Errorf("linking ends with %d %q %s", r.status, r.location, r.body)
	}
	return false, nil
}

// linkAgain links from the start.
func (b *browser) linkAgain(ctx context.Context, account string) (taken bool, err error) {
	callback, err := b.startFlow(ctx, account)
	if err != nil {
		return false, err
	}
	return b.link(ctx, callback)
}

// unlessLost is err, but for a lost answer.
func unlessLost(err error) error {
	if errors.Is(err, errLost) {
		return nil
	}
	return err
}

// rivals link one account to two users at the same moment.
func rivals(ctx context.Context, w *world, account string, who ...string) error {
	var browsers []*browser
	var callbacks []string
	for _, who := range who {
		b := w.browser(who)
		if err := again(func() error { return b.byPassword(ctx) }); err != nil {
			return err
		}
		callback := ""
		err := again(func() (err error) {
			callback, err = b.startFlow(ctx, account)
			return err
		})
		if err != nil {
			return err
		}
		browsers, callbacks = append(browsers, b), append(callbacks, callback)
	}
	taken := make([]bool, len(who))
	err := together(len(who), func(i int) (err error) {
		taken[i], err = browsers[i].link(ctx, callbacks[i])
		if errors.Is(err, errLost) {
			taken[i], err = browsers[i].linkAgain(ctx, account)
		}
		return err
	})
	if err != nil {
		return err
	}
	if n := count(taken); n != len(who)-1 {
		return fmt.Errorf("an account was linked by %d of %d users", len(who)-n, len(who))
	}
	for _, b := range browsers {
		if err := again(func() error { return b.read(ctx, true) }); err != nil {
			return err
		}
	}
	return nil
}

// beVictim is in the middle of the first sign-in when the replica is killed,
// and tries again.
func beVictim(ctx context.Context, w *world, who string, way func(*browser, context.Context) error) error {
	b := w.browser(who)
	b.via = doomedName
	if err := way(b, ctx); !errors.Is(err, errLost) {
		return fmt.Errorf("the sign-in was not cut off: %v", err)
	}
	b.via = ""
	if m, ok := w.mail.Last(who); ok { // the link was used, whatever came of it
		if r, err := b.follow(ctx, link{who, m.Token, m.URL}); err != nil || r.session != "" || r.failed() != "Verification" {
			return fmt.Errorf("the link a second time: %d %q, %v", r.status, r.location, err)
		}
	}
	if err := way(b, ctx); err != nil {
		return fmt.Errorf("signing in again after the sign-in was cut off: %w", err)
	}
	return b.read(ctx, true)
}
