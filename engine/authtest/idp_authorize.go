package authtest

import (
	"crypto/sha256"
	_ "embed" // for the page
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

//go:embed idp.html
var pageHTML string

//go:embed idp.css
var pageCSS string

// authorization is an authorization request with a valid client and redirect URI,
// so that the response can be sent there.
type authorization struct {
	grant
	state, hint, prompt string
	problem             string // OAuth error code; "" if the request is valid
}

// read validates an authorization request (OpenID Connect Core section 3.1.2). If
// it returns an error, nothing may be sent to the redirect URI.
func (p *IdP) read(q url.Values) (*authorization, error) {
	for name, values := range q {
		if len(values) > 1 {
			return nil, fmt.Errorf("the parameter %s has several values", name)
		}
	}
	client, ok := p.client(q.Get("client_id"))
	if !ok {
		return nil, fmt.Errorf("the client_id %q is unknown", q.Get("client_id"))
	}
	if !slices.Contains(client.RedirectURIs, q.Get("redirect_uri")) {
		return nil, fmt.Errorf("the redirect_uri %q is not registered for the client %q", q.Get("redirect_uri"), client.ID)
	}
	a := &authorization{
		grant: grant{
			client: client.ID, redirectURI: q.Get("redirect_uri"),
			challenge: q.Get("code_challenge"), nonce: q.Get("nonce"),
		},
		state: q.Get("state"), hint: q.Get("login_hint"), prompt: q.Get("prompt"),
	}
	for _, scope := range strings.Fields(q.Get("scope")) {
		if slices.Contains([]string{"openid", "profile", "email"}, scope) && !slices.Contains(a.scopes, scope) {
			a.scopes = append(a.scopes, scope)
		}
	}
	method := q.Get("code_challenge_method")
	switch {
	case q.Has("request"):
		a.problem = "request_not_supported"
	case q.Has("request_uri"):
		a.problem = "request_uri_not_supported"
	case q.Get("response_type") != "code":
		a.problem = "unsupported_response_type"
	case q.Has("response_mode") && q.Get("response_mode") != "query",
		a.challenge != "" && method != "S256", a.challenge == "" && method != "",
		a.challenge == "" && client.Secret == "":
		a.problem = "invalid_request"
	}
	return a, nil
}

// answer returns the redirect URI with the response.
func (p *IdP) answer(a *authorization, name, value string) string {
	u, err := url.Parse(a.redirectURI)
	if err != nil {
		return a.redirectURI // checked by AddClient
	}
	q := url.Values{name: {value}, "iss": {p.cfg.Issuer}}
	if a.state != "" {
		q.Set("state", a.state)
	}
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += q.Encode()
	return u.String()
}

// allow returns the response with a code for the user.
func (p *IdP) allow(a *authorization, user User) (string, error) {
	code, err := p.secret()
	if err != nil {
		return "", err
	}
	g := a.grant
	g.user, g.authTime = user, p.now()
	g.expires = g.authTime.Add(codeMaxAge)
	p.mu.Lock()
	keep(p.codes, code, &g, g.authTime)
	p.mu.Unlock()
	return p.answer(a, "code", code), nil
}

func (p *IdP) user(match func(User) bool) (User, bool) {
	i := slices.IndexFunc(p.cfg.Users, match)
	if i < 0 {
		return User{}, false
	}
	return p.cfg.Users[i], true
}

// hinted returns the user that the login_hint identifies.
func (p *IdP) hinted(a *authorization) (User, bool) {
	return p.user(func(u User) bool {
		return a.hint != "" && (u.Subject == a.hint || strings.EqualFold(u.Email, a.hint))
	})
}

// SignIn acts as a browser in which the user with the given subject is clicked on
// the page at authorizationURL, or Cancel if subject is "". It returns the URL of
// the callback.
func (p *IdP) SignIn(authorizationURL, subject string) (callbackURL string, err error) {
	endpoint, query, _ := strings.Cut(authorizationURL, "?")
	if endpoint != p.issuer+"/authorize" {
		return "", fmt.Errorf("authtest: %q is not the authorization endpoint of %s", endpoint, p.issuer)
	}
	q, err := url.ParseQuery(query)
	if err != nil {
		return "", errors.New("authtest: the query of the authorization URL is malformed")
	}
	a, err := p.read(q)
	if err != nil {
		return "", fmt.Errorf("authtest: %w", err)
	}
	switch {
	case a.problem != "":
		return p.answer(a, "error", a.problem), nil
	case subject == "":
		return p.answer(a, "error", "access_denied"), nil
	}
	user, ok := p.user(func(u User) bool { return u.Subject == subject })
	if !ok {
		return "", fmt.Errorf("authtest: no user has the subject %q", subject)
	}
	return p.allow(a, user)
}

func (p *IdP) authorize(w http.ResponseWriter, r *http.Request) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		p.page(w, http.StatusBadRequest, page{Problem: "The query of this address is malformed."})
		return
	}
	a, err := p.read(q)
	if err != nil {
		p.page(w, http.StatusBadRequest, page{Problem: "The application sent an invalid request: " + err.Error() + "."})
		return
	}
	hinted, ok := p.hinted(a)
	if a.problem == "" && r.Method == http.MethodPost {
		p.choose(w, r, a)
		return
	}
	to := ""
	switch {
	case a.problem != "":
		to = p.answer(a, "error", a.problem)
	case ok && p.cfg.AutoLogin:
		if to, err = p.allow(a, hinted); err != nil {
			p.page(w, http.StatusInternalServerError, page{Problem: "No code could be created."})
			return
		}
	case a.prompt == "none":
		to = p.answer(a, "error", "login_required")
	default:
		p.page(w, http.StatusOK, page{Client: a.client, Users: p.faces(hinted.Subject)})
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// choose handles a click.
func (p *IdP) choose(w http.ResponseWriter, r *http.Request, a *authorization) {
	if err := p.origin.Check(r); err != nil {
		p.page(w, http.StatusForbidden, page{Problem: "This form was sent from another site."})
		return
	}
	if err := r.ParseForm(); err != nil {
		p.page(w, http.StatusBadRequest, page{Problem: "The form is malformed."})
		return
	}
	if r.PostForm.Has("cancel") {
		http.Redirect(w, r, p.answer(a, "error", "access_denied"), http.StatusSeeOther)
		return
	}
	user, ok := p.user(func(u User) bool { return u.Subject == r.PostForm.Get("user") })
	if !ok {
		p.page(w, http.StatusBadRequest, page{Client: a.client, Users: p.faces(""), Problem: "Choose one of these users."})
		return
	}
	to, err := p.allow(a, user)
	if err != nil {
		p.page(w, http.StatusInternalServerError, page{Problem: "No code could be created."})
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// page is the data of the sign-in page.
type page struct {
	Name, Client string
	Problem      string
	Users        []face
	CSS          template.CSS
}

// face is the data of a user on the page.
type face struct {
	Subject, Name, Email, Initials string
	Colour                         int
	Focused                        bool
}

func (p *IdP) faces(focus string) []face {
	faces := make([]face, len(p.cfg.Users))
	found := false
	for i, u := range p.cfg.Users {
		f := face{Subject: u.Subject, Name: u.Name, Email: u.Email, Colour: i % 6, Focused: u.Subject == focus}
		if f.Name == "" {
			f.Name = u.Subject
		}
		f.Initials = initials(f.Name)
		found = found || f.Focused
		faces[i] = f
	}
	faces[0].Focused = faces[0].Focused || !found
	return faces
}

// initials returns the first letters of the first and the last word.
func initials(name string) string {
	words := strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	if len(words) == 0 {
		return "?"
	}
	first, _ := utf8.DecodeRuneInString(words[0])
	s := string(unicode.ToUpper(first))
	if len(words) > 1 {
		last, _ := utf8.DecodeRuneInString(words[len(words)-1])
		s += string(unicode.ToUpper(last))
	}
	return s
}

func (p *IdP) page(w http.ResponseWriter, status int, d page) {
	d.Name, d.CSS = p.cfg.Name, template.CSS(pageCSS)
	var b strings.Builder
	t, err := template.New("idp").Parse(pageHTML)
	if err == nil {
		err = t.Execute(&b, d)
	}
	if err != nil {
		http.Error(w, "Internal Server Error", http.StatusInternalServerError)
		return
	}
	hash := sha256.Sum256([]byte(pageCSS))
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("X-Frame-Options", "DENY")
	// There is no form-action, because it would block the redirect to the application.
	w.Header().Set("Content-Security-Policy", "default-src 'none'; img-src data:; style-src 'sha256-"+
		base64.StdEncoding.EncodeToString(hash[:])+"'; base-uri 'none'; frame-ancestors 'none'")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(b.String()))
}
