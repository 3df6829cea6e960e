package labserver_test

import (
	"encoding/base64"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/internal/lab/labserver"
)

// lab is a server of one profile beside a plain OAuth 2.0 server.
type lab struct {
	t   *testing.T
	url string
}

func newLab(t *testing.T, profile string, configure func(*engine.Config)) *lab {
	t.Helper()
	return newLabOf(t, labserver.Profiles(), profile, configure)
}

func newLabOf(t *testing.T, profiles []labserver.Profile, profile string, configure func(*engine.Config)) *lab {
	t.Helper()
	i := slices.IndexFunc(profiles, func(p labserver.Profile) bool { return p.Name == profile })
	idp := httptest.NewServer(http.HandlerFunc(oauthServer))
	t.Cleanup(idp.Close)
	handler, err := labserver.New(profiles[i], labserver.Options{OAuth: idp.URL, Configure: configure})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return &lab{t, server.URL}
}

// oauthServer signs anybody in as the login_hint says; "+verified" in it
// vouches for the address.
func oauthServer(w http.ResponseWriter, r *http.Request) {
	answer := func(v any) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(v)
	}
	switch r.URL.Path {
	case "/authorize":
		q := r.URL.Query()
		back := url.Values{}
		if state := q.Get("state"); state != "" {
			back.Set("state", state)
		}
		if hint := q.Get("login_hint"); hint == "deny" {
			back.Set("error", "access_denied")
		} else {
			back.Set("code", base64.RawURLEncoding.EncodeToString([]byte(hint)))
		}
		http.Redirect(w, r, q.Get("redirect_uri")+"?"+back.Encode(), http.StatusFound)
	case "/token":
		hint, _ := base64.RawURLEncoding.DecodeString(r.FormValue("code"))
		answer(map[string]any{"access_token": "at-" + string(hint), "token_type": "Bearer", "expires_in": 3600})
	case "/userinfo":
		_, hint, _ := strings.Cut(r.Header.Get("Authorization"), "at-")
		who, verified := strings.CutSuffix(hint, "+verified")
		answer(map[string]any{"id": hint, "name": who, "email": who + "@example.com", "email_verified": verified})
	default:
		http.NotFound(w, r)
	}
}

// state is what the control endpoint answers.
type state struct {
	Log  []map[string]any
	Mail []struct{ Identifier, URL, Token string }
	DB   struct{ Users, Accounts, Sessions, Tokens []map[string]any }
}

func (l *lab) state() state { return l.order("") }

// order posts to the control endpoint; "" only looks.
func (l *lab) order(body string) (s state) {
	l.t.Helper()
	method := http.MethodPost
	if body == "" {
		method = http.MethodGet
	}
	r, err := http.NewRequest(method, l.url+"/__lab", strings.NewReader(body))
	if err != nil {
		l.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		l.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(res.Body)
		l.t.Fatalf("/__lab: %s %s", res.Status, text)
	}
	if err := json.NewDecoder(res.Body).Decode(&s); err != nil {
		l.t.Fatal(err)
	}
	return s
}

// browser keeps cookies and follows no redirect.
type browser struct {
	lab    *lab
	client *http.Client
}

func (l *lab) browser() *browser {
	jar, _ := cookiejar.New(nil)
	return &browser{l, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

type response struct {
	status   int
	location string
	body     string
	cookies  []*http.Cookie
}

// sets reports whether the answer sets (and does not clear) the cookie.
func (r response) sets(name string) bool {
	return slices.ContainsFunc(r.cookies, func(c *http.Cookie) bool { return c.Name == name && c.Value != "" })
}

// failed reports whether the answer sends the browser to a page with the error.
func (r response) failed(code string) bool {
	u, err := url.Parse(r.location)
	return err == nil && r.status == http.StatusFound && u.Query().Get("error") == code
}

func (b *browser) do(method, target, contentType, body string, headers ...string) response {
	t := b.lab.t
	t.Helper()
	if strings.HasPrefix(target, "/") {
		target = b.lab.url + target
	}
	r, err := http.NewRequest(method, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := b.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response{res.StatusCode, res.Header.Get("Location"), string(text), res.Cookies()}
}

func (b *browser) get(target string) response { return b.do(http.MethodGet, target, "", "") }

func (b *browser) post(target string, form url.Values, headers ...string) response {
	return b.do(http.MethodPost, target, "application/x-www-form-urlencoded", form.Encode(), headers...)
}

func (b *browser) postJSON(target, body string) response {
	return b.do(http.MethodPost, target, "application/json", body)
}

func (b *browser) csrf() string {
	var v struct{ CSRFToken string }
	r := b.get("/api/auth/csrf")
	if err := json.Unmarshal([]byte(r.body), &v); err != nil || v.CSRFToken == "" {
		b.lab.t.Fatalf("GET csrf: %d %s", r.status, r.body)
	}
	return v.CSRFToken
}

func (b *browser) has(cookie string) bool {
	u, err := url.Parse(b.lab.url)
	if err != nil {
		b.lab.t.Fatal(err)
	}
	return slices.ContainsFunc(b.client.Jar.Cookies(u), func(c *http.Cookie) bool { return c.Name == cookie })
}

func (b *browser) signInAsAlice() {
	b.lab.t.Helper()
	r := b.post("/api/auth/callback/credentials", url.Values{"csrfToken": {b.csrf()}, "username": {"alice"}, "password": {"pw"}})
	if !r.sets("authjs.session-token") {
		b.lab.t.Fatalf("sign-in: %d %s", r.status, r.location)
	}
}

// startOAuth goes through the provider and returns the callback URL that it
// sends the browser to.
func (b *browser) startOAuth(provider, hint string) string {
	b.lab.t.Helper()
	r := b.post("/api/auth/signin/"+provider+"?login_hint="+url.QueryEscape(hint), url.Values{"csrfToken": {b.csrf()}})
	if r.status != http.StatusFound || !strings.Contains(r.location, "/authorize?") {
		b.lab.t.Fatalf("POST signin/%s: %d %q", provider, r.status, r.location)
	}
	back := b.get(r.location)
	if !strings.HasPrefix(back.location, b.lab.url) {
		b.lab.t.Fatalf("the provider sent the browser to %q", back.location)
	}
	return back.location
}

var (
	formTag   = regexp.MustCompile(`(?s)<form[^>]*\baction="([^"]*)"[^>]*>(.*?)</form>`)
	inputTag  = regexp.MustCompile(`<input[^>]*>`)
	attribute = regexp.MustCompile(`\b(name|value)="([^"]*)"`)
)

// form reads the first form of a page.
func form(t *testing.T, page string) (action string, fields url.Values) {
	t.Helper()
	m := formTag.FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("the page has no form:\n%s", page)
	}
	fields = url.Values{}
	for _, input := range inputTag.FindAllString(m[2], -1) {
		named := map[string]string{}
		for _, a := range attribute.FindAllStringSubmatch(input, -1) {
			named[a[1]] = html.UnescapeString(a[2])
		}
		if named["name"] != "" {
			fields.Set(named["name"], named["value"])
		}
	}
	return html.UnescapeString(m[1]), fields
}
