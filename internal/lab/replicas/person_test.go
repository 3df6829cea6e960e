package replicas

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
)

const (
	base          = "/api/auth"
	sessionCookie = "authjs.session-token"
)

// errLost: a replica was killed while it had the request. The person does not
// know what has become of it.
var errLost = errors.New("the answer was lost")

// again does what a person does whose page did not load: once more from the
// start. Nothing else is forgiven, and no answer of a second try is lost: by
// then the replica that was killed takes no more connections.
func again(try func() error) error {
	err := try()
	if errors.Is(err, errLost) {
		err = try()
	}
	return err
}

// browser is a browser of a person: cookies of its own, no redirect followed.
type browser struct {
	w   *world
	who string // the address of the person
	jar http.CookieJar
	via string // the replica that the proxy shall prefer; "": in turn
}

func (w *world) browser(who string) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Error(err) // New never fails
	}
	return &browser{w: w, who: who, jar: jar}
}

type response struct {
	status   int
	location string
	body     string
	session  string // the value of the session cookie that it sets
}

// failed returns the error that the answer sends the browser to a page with.
func (r response) failed() string {
	u, err := url.Parse(r.location)
	if err != nil {
		return err.Error()
	}
	return u.Query().Get("error")
}

func (b *browser) do(ctx context.Context, method, target string, form url.Values) (out response, err error) {
	if strings.HasPrefix(target, "/") {
		target = b.w.url + base + target
	}
	r, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(form.Encode()))
	if err != nil {
		return out, err
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", b.w.url)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	if b.via != "" {
		r.Header.Set(viaHeader, b.via)
	}
	client := &http.Client{
		Transport:     b.w.transport,
		Jar:           b.jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	res, err := client.Do(r)
	if err != nil {
		return out, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return out, err
	}
	if res.Header.Get(lostHeader) == doomedName {
		select {
		case <-b.w.killed:
			return out, errLost
		case <-ctx.Done():
			return out, ctx.Err()
		}
	}
	out = response{status: res.StatusCode, location: res.Header.Get("Location"), body: string(text)}
	for _, c := range res.Cookies() {
		if c.Name == sessionCookie {
			out.session = c.Value
		}
	}
	if out.session != "" {
		b.w.ledger.begun(out.session, b.who)
	}
	if res.StatusCode >= 500 {
		return out, fmt.Errorf("%s %s: %s: %s", method, r.URL.Path, res.Status, text)
	}
	return out, nil
}

// csrf is the CSRF token of the browser.
func (b *browser) csrf(ctx context.Context) (string, error) {
	r, err := b.do(ctx, http.MethodGet, "/csrf", nil)
	if err != nil {
		return "", err
	}
	var v struct{ CSRFToken string }
	if err := json.Unmarshal([]byte(r.body), &v); err != nil || v.CSRFToken == "" {
		return "", fmt.Errorf("GET csrf: %d %s", r.status, r.body)
	}
	return v.CSRFToken, nil
}

// post posts a form with a CSRF token.
func (b *browser) post(ctx context.Context, target string, form url.Values) (response, error) {
	token, err := b.csrf(ctx)
	if err != nil {
		return response{}, err
	}
	if form == nil {
		form = url.Values{}
	}
	form.Set("csrfToken", token)
	return b.do(ctx, http.MethodPost, target, form)
}

// signedIn wants the answer to sign the person in.
func (b *browser) signedIn(r response, err error) error {
	switch {
	case err != nil:
		return err
	case r.session == "" || r.failed() != "" || r.status != http.StatusFound:
		return fmt.Errorf("the sign-in ends with %d %q %s", r.status, r.location, r.body)
	}
	b.w.signedIn()
	return nil
}

// read wants the session to be the person's, or none where they are out.
func (b *browser) read(ctx context.Context, in bool) error {
	r, err := b.do(ctx, http.MethodGet, "/session", nil)
	if err != nil {
		return err
	}
	want := ""
	if in {
		want = b.who
	}
	if got, err := emailOf(r.body); err != nil || got != want {
		return fmt.Errorf("the session is %s (%v), want that of %q", r.body, err, want)
	}
	return nil
}

// emailOf reads the body of GET session; "" is nobody.
func emailOf(body string) (string, error) {
	var s *struct{ User struct{ Email string } }
	err := json.Unmarshal([]byte(body), &s)
	if err != nil || s == nil {
		return "", err
	}
	return s.User.Email, nil
}

func (b *browser) signOut(ctx context.Context) error {
	token := b.sessionToken()
	b.w.ledger.leaving(token)
	r, err := b.post(ctx, "/signout", nil)
	if err != nil {
		return err
	}
	if r.status != http.StatusFound || r.failed() != "" {
		return fmt.Errorf("the sign-out ends with %d %q", r.status, r.location)
	}
	b.w.ledger.ended(token)
	return nil
}

func (b *browser) sessionToken() string {
	u, err := url.Parse(b.w.url)
	if err != nil {
		return ""
	}
	for _, c := range b.jar.Cookies(u) {
		if c.Name == sessionCookie {
			return c.Value
		}
	}
	return ""
}

// ---- the ways in

func (b *browser) byPassword(ctx context.Context) error {
	return b.signedIn(b.post(ctx, "/callback/credentials", url.Values{"username": {b.who}, "password": {"pw"}}))
}

// startFlow goes through the identity provider as the user with the address,
// and returns where it sends the browser.
func (b *browser) startFlow(ctx context.Context, address string) (callback string, err error) {
	r, err := b.post(ctx, "/signin/lab-oidc", nil)
	if err != nil {
		return "", err
	}
	if r.status != http.StatusFound || r.failed() != "" {
		return "", fmt.Errorf("the sign-in begins with %d %q", r.status, r.location)
	}
	return b.w.idp.SignIn(r.location, address)
}

func (b *browser) byProvider(ctx context.Context) error {
	callback, err := b.startFlow(ctx, b.who)
	if err != nil {
		return err
	}
	return b.signedIn(b.do(ctx, http.MethodGet, callback, nil))
}

// askForLink has a link sent to the person.
func (b *browser) askForLink(ctx context.Context) (link, error) {
	r, err := b.post(ctx, "/signin/lab-email", url.Values{"email": {b.who}})
	if err != nil {
		return link{}, err
	}
	if r.status != http.StatusFound || r.failed() != "" {
		return link{}, fmt.Errorf("asking for a mail ends with %d %q", r.status, r.location)
	}
	m, ok := b.w.mail.Last(b.who)
	if !ok {
		return link{}, errors.New("no mail has come")
	}
	return link{m.Identifier, m.Token, m.URL}, nil
}

type link struct{ address, token, url string }

// open opens a link, and returns what a click on the button of the page does.
func (b *browser) open(ctx context.Context, l link) (click func() (response, error), err error) {
	r, err := b.do(ctx, http.MethodGet, l.url, nil)
	if err != nil {
		return nil, err
	}
	if r.status != http.StatusOK || !strings.Contains(r.body, l.token) {
		return nil, fmt.Errorf("the link opens with %d %q %s", r.status, r.location, r.body)
	}
	token, err := b.csrf(ctx)
	if err != nil {
		return nil, err
	}
	return func() (response, error) {
		r, err := b.do(ctx, http.MethodPost, "/callback/lab-email",
			url.Values{"csrfToken": {token}, "token": {l.token}, "email": {l.address}})
		b.w.ledger.clicked(l, r.session != "", err)
		return r, err
	}, nil
}

func (b *browser) follow(ctx context.Context, l link) (response, error) {
	click, err := b.open(ctx, l)
	if err != nil {
		return response{}, err
	}
	return click()
}

func (b *browser) byMail(ctx context.Context) error {
	l, err := b.askForLink(ctx)
	if err != nil {
		return err
	}
	return b.signedIn(b.follow(ctx, l))
}
