package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"html"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sesame-auth/sesame/engine"
)

// toy is a Method made of values and functions.
type toy struct {
	info    engine.ProviderInfo
	form    engine.Form
	actions []engine.SignInAction

	asked map[string]int // calls of Actions and Form
}

func (m *toy) ProviderInfo() engine.ProviderInfo { return m.info }

func (m *toy) Form() engine.Form {
	m.count("Form")
	return m.form
}

func (m *toy) Actions() []engine.SignInAction {
	m.count("Actions")
	return m.actions
}

func (m *toy) count(method string) {
	if m.asked == nil {
		m.asked = make(map[string]int)
	}
	m.asked[method]++
}

// handle is what an action of a Method does.
type handle = func(ctx context.Context, a *engine.Attempt) (engine.Result, error)

// newToy is a Method with the id "toy" and these actions, by method and name
// ("POST callback").
func newToy(actions map[string]handle) *toy {
	m := &toy{info: engine.ProviderInfo{ID: "toy", Name: "Toy", Type: "toy"}}
	for key, h := range actions {
		method, name, _ := strings.Cut(key, " ")
		m.actions = append(m.actions, engine.SignInAction{Name: name, Method: method, Handle: h})
	}
	slices.SortFunc(m.actions, func(a, b engine.SignInAction) int { return strings.Compare(a.Method+a.Name, b.Method+b.Name) })
	return m
}

// withToy adds a toy to a site.
func withToy(actions map[string]handle) func(*site, *engine.Config) {
	return func(_ *site, c *engine.Config) { c.Providers = append(c.Providers, newToy(actions)) }
}

// main is what a page shows.
func (r *reply) main() string {
	_, shown, _ := strings.Cut(r.body, "<main>")
	return shown
}

// attemptOf is the attempt that the form of a page names.
func attemptOf(r *reply) string {
	found := attemptField.FindStringSubmatch(r.body)
	if found == nil {
		return ""
	}
	return html.UnescapeString(found[1])
}

var attemptField = regexp.MustCompile(`name="attempt" value="([^"]*)"`)

// newUserOf is an account that is nobody's yet.
func newUserOf(id string) engine.Identity {
	return engine.Identity{Account: &engine.Account{ProviderAccountID: id}, User: engine.User{ID: id + "-user", Name: new("New " + id)}}
}

// A POST to any action of a Method needs the CSRF token and comes from this
// site; the handler never sees another one.
func TestMethodIsGuardedFromOtherSites(t *testing.T) {
	for _, dialect := range []engine.Dialect{engine.DialectV5, engine.DialectV4} {
		var called []string
		run := func(name string) handle {
			return func(_ context.Context, a *engine.Attempt) (engine.Result, error) {
				called = append(called, name)
				return a.JSON(http.StatusOK, nil), nil
			}
		}
		s := newSite(t, withStrategy(engine.StrategyDatabase), withToy(map[string]handle{
			"POST signin": run("signin"), "POST callback": run("callback"), "POST toy-options": run("toy-options"), "GET toy-options": run("GET toy-options"),
		}), func(_ *site, c *engine.Config) { c.Dialect = dialect })
		csrf := map[engine.Dialect]string{engine.DialectV5: csrfCookie, engine.DialectV4: "next-auth.csrf-token"}[dialect]
		b := s.browser()
		b.get("/csrf")
		cookie, _ := url.PathUnescape(b.cookie(csrf))
		token, _, _ := strings.Cut(cookie, "|")
		stranger := s.browser()
		stranger.get("/csrf")
		foreign, _ := url.PathUnescape(stranger.cookie(csrf))
		foreign, _, _ = strings.Cut(foreign, "|")
		post := func(action string, form url.Values, header ...string) *reply {
			r := b.request("POST", base+"/"+action+"/toy?csrfToken="+token, strings.NewReader(form.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			for i := 0; i < len(header); i += 2 {
				r.Header.Set(header[i], header[i+1])
			}
			return b.copy().do(r)
		}
		for _, action := range []string{"signin", "callback", "toy-options"} {
			for what, c := range map[string]struct {
				form   url.Values
				header []string
			}{
				"no token":            {form("x", "y"), nil},
				"no body":             {nil, nil},
				"an empty token":      {form("csrfToken", ""), nil},
				"a wrong token":       {form("csrfToken", strings.Repeat("0", 64)), nil},
				"another one's token": {form("csrfToken", foreign), nil},
				"a foreign origin":    {form("csrfToken", token), []string{"Origin", "https://evil.example"}},
				"no origin":           {form("csrfToken", token), []string{"Origin", "null"}},
				"another site":        {form("csrfToken", token), []string{"Sec-Fetch-Site", "cross-site"}},
				"a sibling":           {form("csrfToken", token), []string{"Sec-Fetch-Site", "same-site", "Origin", s.origin}},
				"no cookie":           {form("csrfToken", token), []string{"Cookie", "x=y"}},
				"a multipart body":    {form("csrfToken", token), []string{"Content-Type", "multipart/form-data; boundary=x"}},
			} {
				s.resetLog()
				r := post(action, c.form, c.header...)
				if len(called) > 0 {
					t.Errorf("%v, %s with %s: the handler was called", dialect, action, what)
					called = nil
				}
				if r.status != http.StatusFound || !strings.Contains(r.location(), "/signin?") || len(r.set) > 0 && dialect == engine.DialectV5 || len(s.store.called()) > 0 {
					t.Errorf("%v, %s with %s: %d %q, cookies %q, adapter %v", dialect, action, what, r.status, r.location(), r.header["Set-Cookie"], s.store.called())
				}
				if line := s.problem(t); line.attrs["code"] != "MissingCSRF" || line.attrs["provider"] != "toy" {
					t.Errorf("%v, %s with %s: the log says %v", dialect, action, what, line)
				}
			}
			post(action, form("csrfToken", token), "Origin", s.origin)
			post(action, form("csrfToken", token), "Sec-Fetch-Site", "same-origin")
			if !slices.Equal(called, []string{action, action}) {
				t.Errorf("%v: with the token the calls are %q", dialect, called)
			}
			called = nil
		}
		// A GET has no token, and the handler must not act on it.
		b.get("/toy-options/toy")
		if !slices.Equal(called, []string{"GET toy-options"}) {
			t.Errorf("%v: the calls of a GET are %q", dialect, called)
		}
	}
}

// Only what Actions lists is answered, for the provider that lists it.
func TestMethodAnswersItsActionsOnly(t *testing.T) {
	var called []string
	note := func(a *engine.Attempt) (engine.Result, error) {
		called = append(called, a.URL("x"))
		return a.JSON(http.StatusOK, nil), nil
	}
	run := func(_ context.Context, a *engine.Attempt) (engine.Result, error) { return note(a) }
	s := newSite(t, withStore, withToy(map[string]handle{"GET look": run, "POST callback": run, "POST act": run}), func(_ *site, c *engine.Config) {
		other := newToy(map[string]handle{"POST callback": run, "POST own": run})
		other.info = engine.ProviderInfo{ID: "other", Name: "Other", Type: "toy"}
		c.Providers = append(c.Providers, other)
	})
	b := s.browser()
	for target, want := range map[string]string{
		"GET /look/toy": "toy", "POST /act/toy": "toy", "POST /callback/toy": "toy", "POST /callback/other": "other", "POST /own/other": "other", "GET //look//toy/": "toy",
		"POST /look/toy": "", "GET /act/toy": "", "GET /callback/toy": "", "GET /own/other": "", // the method
		"GET /look/other": "", "POST /act/other": "", "POST /own/toy": "", // another one's
		"POST /act/oidc": "", "GET /look/credentials": "", "POST /own/email": "", "GET /look/email": "", // a built-in one
		"GET /look": "", "POST /act": "", "GET /look/": "", "GET /look/nobody": "", "POST /act/nobody": "", "GET /look/TOY": "", "GET /LOOK/toy": "", "GET /look/to%79": "", // nobody's
		"GET /look/toy/x": "", "POST /act/toy/x": "", "GET /nothing/toy": "", "POST /nothing/toy": "", "POST /signin/toy": "", "GET /signin/toy": "",
		"PUT /act/toy": "", "DELETE /act/toy": "", "HEAD /look/toy": "", "OPTIONS /look/toy": "",
	} {
		called = nil
		method, path, _ := strings.Cut(target, " ")
		var r *reply
		if method == "POST" {
			r = b.post(path)
		} else {
			r = b.do(b.request(method, base+path, nil))
		}
		switch {
		case want == "" && (len(called) > 0 || r.status == http.StatusOK):
			t.Errorf("%s: status %d, calls %q", target, r.status, called)
		case want != "" && (r.status != http.StatusOK || !slices.Equal(called, []string{s.origin + base + "/x/" + want})):
			t.Errorf("%s: status %d, calls %q", target, r.status, called)
		}
	}
}

// What Actions and Form must not return is a problem of New, which asks for each
// once.
func TestMethodsThatNewRefuses(t *testing.T) {
	ok := func(_ context.Context, a *engine.Attempt) (engine.Result, error) {
		return a.JSON(http.StatusOK, nil), nil
	}
	post := func(name string) engine.SignInAction {
		return engine.SignInAction{Name: name, Method: http.MethodPost, Handle: ok}
	}
	info := engine.ProviderInfo{ID: "toy", Name: "Toy", Type: "toy"}
	for what, c := range map[string]struct {
		provider engine.Provider
		says     string
	}{
		"no actions":                 {&toy{info: info}, "Actions is empty"},
		"no name":                    {&toy{info: info, actions: []engine.SignInAction{post("")}}, `Actions[0] has the name ""`},
		"a name with a slash":        {&toy{info: info, actions: []engine.SignInAction{post("a/b")}}, `"a/b"`},
		"a name in another alphabet": {&toy{info: info, actions: []engine.SignInAction{post("schlüssel")}}, `"schlüssel"`},
		"two dots":                   {&toy{info: info, actions: []engine.SignInAction{post("..")}}, `".."`},
		"the session endpoint":       {&toy{info: info, actions: []engine.SignInAction{post("callback"), post("session")}}, `Actions[1] has the name "session"`},
		"the csrf endpoint":          {&toy{info: info, actions: []engine.SignInAction{post("csrf")}}, `"csrf"`},
		"the providers endpoint":     {&toy{info: info, actions: []engine.SignInAction{post("providers")}}, `"providers"`},
		"the signout endpoint":       {&toy{info: info, actions: []engine.SignInAction{post("signout")}}, `"signout"`},
		"the error page":             {&toy{info: info, actions: []engine.SignInAction{post("error")}}, `"error"`},
		"the verify-request page":    {&toy{info: info, actions: []engine.SignInAction{post("verify-request")}}, `"verify-request"`},
		"the log endpoint":           {&toy{info: info, actions: []engine.SignInAction{post("_log")}}, `"_log"`},
		"GET signin":                 {&toy{info: info, actions: []engine.SignInAction{{Name: "signin", Method: http.MethodGet, Handle: ok}}}, "signin is a POST"},
		"another method":             {&toy{info: info, actions: []engine.SignInAction{{Name: "callback", Method: http.MethodPut, Handle: ok}}}, `"PUT"`},
		"no method":                  {&toy{info: info, actions: []engine.SignInAction{{Name: "callback", Handle: ok}}}, `the method ""`},
		"a method in lower case":     {&toy{info: info, actions: []engine.SignInAction{{Name: "callback", Method: "post", Handle: ok}}}, `"post"`},
		"no Handle":                  {&toy{info: info, actions: []engine.SignInAction{{Name: "callback", Method: http.MethodPost}}}, "has no Handle"},
		"an action twice":            {&toy{info: info, actions: []engine.SignInAction{post("callback"), post("callback")}}, "POST callback, is a duplicate"},
		"a form without its action":  {&toy{info: info, actions: []engine.SignInAction{post("callback")}, form: engine.Form{Action: "step"}}, `"step"`},
		"a form without callback":    {&toy{info: info, actions: []engine.SignInAction{post("step")}}, `"callback"`},
		"a form with a GET":          {&toy{info: info, actions: []engine.SignInAction{{Name: "callback", Method: http.MethodGet, Handle: ok}}}, `"callback"`},
		"an input of the engine's":   {&toy{info: info, actions: []engine.SignInAction{post("callback")}, form: engine.Form{Inputs: []engine.Input{{Name: "csrfToken"}}}}, `"csrfToken"`},
		"no id":                      {&toy{actions: []engine.SignInAction{post("callback")}}, "the id"},
		"an id that is taken":        {&toy{info: engine.ProviderInfo{ID: "oidc"}, actions: []engine.SignInAction{post("callback")}}, "taken"},
		"a provider of no kind":      {stranger{}, "engine_test.stranger"},
		"a nil Method":               {(*toy)(nil), "is nil"},
		"nil":                        {nil, "is nil"},
	} {
		func() {
			defer func() {
				if v := recover(); v != nil {
					t.Errorf("%s: New panics: %v", what, v)
				}
			}()
			_, err := engine.New(engine.Config{Secrets: []string{testSecret}, Getenv: env(), Providers: []engine.Provider{
				&engine.OIDC{ID: "oidc", Issuer: issuer, OAuthConfig: engine.OAuthConfig{ClientID: clientID, ClientSecret: clientSecret}}, c.provider,
			}})
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: New gives %v, want an error with %s", what, err, c.says)
			}
		}()
	}
	m := newToy(map[string]handle{"GET callback": ok, "POST callback": ok, "POST a-b_c.d~e": ok})
	if _, err := engine.New(engine.Config{Secrets: []string{testSecret}, Getenv: env(), Providers: []engine.Provider{m}}); err != nil {
		t.Error(err)
	}
	if want := map[string]int{"Actions": 1, "Form": 1}; !reflect.DeepEqual(m.asked, want) {
		t.Errorf("New asks %v, want each once", m.asked)
	}
}

// stranger is a Provider, and no way to sign in.
type stranger struct{}

func (stranger) ProviderInfo() engine.ProviderInfo { return engine.ProviderInfo{ID: "stranger"} }

// The sign-in page shows the form of a Method, and GET providers lists it.
func TestMethodOnTheSignInPage(t *testing.T) {
	s := newSite(t, func(_ *site, c *engine.Config) {
		m := newToy(map[string]handle{"POST step": func(_ context.Context, a *engine.Attempt) (engine.Result, error) {
			return a.JSON(http.StatusOK, a.Value("name")), nil
		}})
		m.form = engine.Form{Action: "step", Button: "Use the toy", Inputs: []engine.Input{{Name: "name", Label: "Its name", Placeholder: "Teddy"}}}
		c.Providers = []engine.Provider{m}
	})
	b := s.browser()
	r := b.get("/signin?callbackUrl=/deep")
	for _, want := range []string{
		`<form action="/api/auth/step/toy" method="POST">`, `name="csrfToken" value="` + b.csrf() + `"`, `name="callbackUrl" value="` + s.origin + `/deep"`,
		">Its name</label>", `type="text" name="name" placeholder="Teddy"`, ">Use the toy</button>",
	} {
		if !strings.Contains(r.body, want) {
			t.Errorf("the sign-in page has no %s:\n%s", want, r.main())
		}
	}
	if r := b.post("/step/toy", "name", "Teddy"); r.status != http.StatusOK || r.body != `"Teddy"` {
		t.Errorf("the form gets %d %s", r.status, r.body)
	}
	want := `{"toy":{"id":"toy","name":"Toy","type":"toy","signinUrl":"http://localhost:3000/api/auth/signin/toy","callbackUrl":"http://localhost:3000/api/auth/callback/toy"}}`
	if r := b.get("/providers"); r.body != want {
		t.Errorf("GET providers is %s, want %s", r.body, want)
	}
}

// signIn() of the client posts to signin; a Method that has no such action is shown
// on the sign-in page.
func TestMethodWithoutSignIn(t *testing.T) {
	for _, dialect := range []engine.Dialect{engine.DialectV5, engine.DialectV4} {
		s := newSite(t, withToy(map[string]handle{"POST callback": func(context.Context, *engine.Attempt) (engine.Result, error) {
			t.Error("the action runs")
			return engine.Result{}, nil
		}}), func(_ *site, c *engine.Config) { c.Dialect = dialect })
		b := s.browser()
		b.post("/signin/toy").wantTo(s.origin + base + "/signin")
		b.header.Set("X-Auth-Return-Redirect", "1")
		if r := b.post("/signin/toy", "json", "true"); r.status != http.StatusOK || r.body != `{"url":"`+s.origin+base+`/signin"}` {
			t.Errorf("%v: a script gets %d %s", dialect, r.status, r.body)
		}
	}
}

// The answers of an action are those of the engine: with its headers and, where a
// client wants JSON, as JSON.
func TestMethodResults(t *testing.T) {
	for _, dialect := range []engine.Dialect{engine.DialectV5, engine.DialectV4} {
		var result func(a *engine.Attempt) engine.Result
		s := newSite(t, withStore, withToy(map[string]handle{"POST callback": func(_ context.Context, a *engine.Attempt) (engine.Result, error) {
			return result(a), nil
		}, "GET callback": func(_ context.Context, a *engine.Attempt) (engine.Result, error) {
			return result(a), nil
		}}), func(s *site, c *engine.Config) {
			c.Dialect = dialect
			s.foreignHosts = append(s.foreignHosts, "next.example")
		})
		v5 := dialect == engine.DialectV5
		token := func(b *browser) string {
			r := b.get("/csrf")
			var body struct{ CSRFToken string }
			if err := json.Unmarshal([]byte(r.body), &body); err != nil {
				t.Fatal(err)
			}
			return body.CSRFToken
		}
		post := func(b *browser, script bool, pairs ...string) *reply {
			v := form(append([]string{"csrfToken", token(b), "callbackUrl", "/after"}, pairs...)...)
			if script && !v5 {
				v.Set("json", "true")
			}
			r := b.request("POST", base+"/callback/toy", strings.NewReader(v.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if script && v5 {
				r.Header.Set("X-Auth-Return-Redirect", "1")
			}
			return b.do(r)
		}
		check := func(what string, r *reply, status int, contentType string) {
			t.Helper()
			if r.status != status || r.header.Get("Content-Type") != contentType {
				t.Errorf("%v, %s: %d %s, want %d %s; %s", dialect, what, r.status, r.header.Get("Content-Type"), status, contentType, r.body)
			}
			for name, want := range map[string]string{
				"Cache-Control": "private, no-cache, no-store", "Pragma": "no-cache", "Expires": "0", "Vary": "Cookie", "Referrer-Policy": "same-origin", "X-Content-Type-Options": "nosniff",
			} {
				if got := r.header.Get(name); got != want {
					t.Errorf("%v, %s: %s is %q, want %q", dialect, what, name, got, want)
				}
			}
			if page := strings.HasPrefix(contentType, "text/html"); page != strings.Contains(r.header.Get("Content-Security-Policy"), "default-src 'none'") || page != (r.header.Get("X-Frame-Options") == "DENY") {
				t.Errorf("%v, %s: the policy is %q, X-Frame-Options %q", dialect, what, r.header.Get("Content-Security-Policy"), r.header.Get("X-Frame-Options"))
			}
		}
		jsonType := "application/json"
		if !v5 {
			jsonType = "application/json; charset=utf-8"
		}

		// A value, with any status that a body goes with.
		for _, status := range []int{200, 201, 400, 401, 404, 409, 429, 500, 599} {
			result = func(a *engine.Attempt) engine.Result { return a.JSON(status, map[string]any{"a": "<b>"}) }
			for _, script := range []bool{false, true} {
				r := post(s.browser(), script)
				check("JSON", r, status, jsonType)
				var body map[string]string
				if err := json.Unmarshal([]byte(r.body), &body); err != nil || body["a"] != "<b>" {
					t.Errorf("%v: the JSON is %s", dialect, r.body)
				}
			}
		}
		r := s.browser().get("/callback/toy")
		check("JSON for a GET", r, 599, jsonType)
		result = func(a *engine.Attempt) engine.Result { return a.JSON(http.StatusOK, nil) }
		if r := post(s.browser(), false); r.status != http.StatusOK || r.body != "null" {
			t.Errorf("%v: JSON of nil is %d %s", dialect, r.status, r.body)
		}

		// A redirect: Location for a browser, url for the client.
		for to, want := range map[string]string{"https://next.example/x?y=1": "https://next.example/x?y=1", "/page": "/page"} {
			result = func(a *engine.Attempt) engine.Result { return a.Redirect(to) }
			post(s.browser(), false).wantTo(want)
			r := post(s.browser(), true)
			check("redirect of a script", r, http.StatusOK, jsonType)
			if r.body != `{"url":"`+want+`"}` || v5 != (r.header.Get("Location") == want) {
				t.Errorf("%v: the redirect of a script is %s, Location %q", dialect, r.body, r.location())
			}
		}

		// A page.
		result = func(a *engine.Attempt) engine.Result {
			return a.Page(engine.Form{Title: "T<1>", Text: "text & more", Error: "wrong", Inputs: []engine.Input{{Name: "n", Type: "password"}}, Button: "Go", Action: "callback"})
		}
		b := s.browser()
		r = post(b, false)
		check("page", r, http.StatusOK, "text/html; charset=utf-8")
		for _, want := range []string{
			"<title>T&lt;1&gt;</title>", "<p>text &amp; more</p>", `role="alert">wrong</p>`, `<form action="/api/auth/callback/toy" method="POST">`, `type="password" name="n"`,
			`name="csrfToken" value="` + token(b) + `"`, `name="callbackUrl" value="` + s.origin + `/after"`, ">Go</button>", "localhost:3000",
		} {
			if !strings.Contains(r.body, want) {
				t.Errorf("%v: the page has no %s:\n%s", dialect, want, r.main())
			}
		}
		if strings.Contains(r.body, `name="attempt"`) {
			t.Errorf("%v: a page of which nothing is sealed has an attempt", dialect)
		}
		check("page of a GET", b.get("/callback/toy"), http.StatusOK, "text/html; charset=utf-8")
		result = func(a *engine.Attempt) engine.Result { return a.Page(engine.Form{}) }
		if r := post(b, false); !strings.Contains(r.body, "<title>Sign in</title>") || !strings.Contains(r.body, "<h1>Sign in</h1>") || !strings.Contains(r.body, ">Continue</button>") {
			t.Errorf("%v: an empty form is %s", dialect, r.main())
		}

		// A sign-in: the client gets the URL and the cookie.
		result = func(a *engine.Attempt) engine.Result { return a.SignIn(newUserOf("r")) }
		post(s.browser(), false).wantTo(s.origin + "/after")
		b = s.browser()
		r = post(b, true)
		check("sign-in of a script", r, http.StatusOK, jsonType)
		if r.body != `{"url":"`+s.origin+`/after"}` || v5 && b.user() != "New r" {
			t.Errorf("%v: the sign-in of a script is %s", dialect, r.body)
		}
		s.quiet(t)

		// What no browser should get.
		for what, f := range map[string]func(a *engine.Attempt) engine.Result{
			"the zero Result":        func(*engine.Attempt) engine.Result { return engine.Result{} },
			"a channel as JSON":      func(a *engine.Attempt) engine.Result { return a.JSON(200, make(chan int)) },
			"status 0":               func(a *engine.Attempt) engine.Result { return a.JSON(0, "x") },
			"status 99":              func(a *engine.Attempt) engine.Result { return a.JSON(99, "x") },
			"status 1000":            func(a *engine.Attempt) engine.Result { return a.JSON(1000, "x") },
			"status 204":             func(a *engine.Attempt) engine.Result { return a.JSON(204, "x") },
			"status 302":             func(a *engine.Attempt) engine.Result { return a.JSON(302, "x") },
			"an empty redirect":      func(a *engine.Attempt) engine.Result { return a.Redirect("") },
			"a redirect to a script": func(a *engine.Attempt) engine.Result { return a.Redirect("javascript:alert(1)") },
			"a redirect to data":     func(a *engine.Attempt) engine.Result { return a.Redirect("data:text/html,x") },
			"a redirect to a host":   func(a *engine.Attempt) engine.Result { return a.Redirect("//evil.example") },
			"a redirect to another":  func(a *engine.Attempt) engine.Result { return a.Redirect(`/\evil.example`) },
			"a redirect to a word":   func(a *engine.Attempt) engine.Result { return a.Redirect("page") },
			"two lines":              func(a *engine.Attempt) engine.Result { return a.Redirect("/page\r\nSet-Cookie: a=b") },
		} {
			for _, script := range []bool{false, true} {
				s.resetLog()
				result = f
				func() {
					defer func() {
						if v := recover(); v != nil {
							t.Errorf("%v, %s: panic: %v", dialect, what, v)
						}
					}()
					r := post(s.browser(), script)
					at := r.location()
					if script {
						at = r.body
					}
					if !strings.Contains(at, "error=Configuration") && !strings.Contains(at, "error=Callback") {
						t.Errorf("%v, %s: %d %q %.100s", dialect, what, r.status, r.location(), r.body)
					}
					if lines := s.logs.problems(); len(lines) != 1 || lines[0].attrs["cause"] == "" {
						t.Errorf("%v, %s: the log is %v", dialect, what, lines)
					}
				}()
			}
		}
	}
}

// Errors of an action: a refusal of what was typed, an error with a code, any
// other, a panic.
func TestMethodErrors(t *testing.T) {
	for _, strategy := range strategies {
		var failure func() error
		s := newSite(t, withStrategy(strategy), withToy(map[string]handle{
			"POST callback": func(_ context.Context, a *engine.Attempt) (engine.Result, error) {
				if err := a.Seal("kept", "secret-value-of-the-attempt"); err != nil {
					t.Error(err)
				}
				return a.SignIn(newUserOf("x")), failure()
			},
		}))
		for what, c := range map[string]struct {
			fail  func() error
			to    string
			level string
		}{
			"credentials":         {func() error { return &engine.CredentialsError{} }, "/signin?error=CredentialsSignin&code=credentials", "WARN"},
			"credentials, coded":  {func() error { return &engine.CredentialsError{Code: "locked", Err: errors.New("five tries")} }, "/signin?error=CredentialsSignin&code=locked", "WARN"},
			"wrapped credentials": {func() error { return errors.Join(errors.New("x"), &engine.CredentialsError{Code: "a b&c"}) }, "/signin?error=CredentialsSignin&code=a+b%26c", "WARN"},
			"an *Error":           {func() error { return &engine.Error{Code: "AccessDenied", Type: "Mine", Err: errors.New("no")} }, "/error?error=AccessDenied", "ERROR"},
			"an *Error, own code": {func() error {
				return &engine.Error{Code: "WebAuthnVerificationError", Type: "Mine", Err: errors.New("no")}
			}, "/error?error=WebAuthnVerificationError", "ERROR"},
			"any other":           {func() error { return errors.New("the store is down") }, "/error?error=Configuration", "ERROR"},
			"a cancelled context": {func() error { return context.Canceled }, "/error?error=Configuration", "ERROR"},
			"a panic":             {func() error { panic("boom") }, "/error?error=Configuration", "ERROR"},
		} {
			s.resetLog()
			failure = c.fail
			b := s.browser()
			r := b.post("/callback/toy")
			r.wantTo(s.origin + base + c.to)
			if line := s.problem(t); line.level.String() != c.level || line.attrs["provider"] != "toy" || line.attrs["action"] != "callback" {
				t.Errorf("%s, %s: the log says %v", strategy, what, line)
			}
			if len(s.store.called()) > 0 || b.has(sessionCookie) || b.has("authjs.kept") {
				t.Errorf("%s, %s: adapter %v, cookies %v", strategy, what, s.store.called(), b.names())
			}
			b.header.Set("X-Auth-Return-Redirect", "1")
			if r := b.post("/callback/toy"); r.status != http.StatusOK || !strings.HasPrefix(requestIDParam.ReplaceAllString(strings.TrimSuffix(r.body, `"}`), ""), `{"url":"`+s.origin+base+c.to) {
				t.Errorf("%s, %s: a script gets %d %s", strategy, what, r.status, r.body)
			}
		}
	}
}

// What v4's client gets of a Method that refuses.
func TestMethodErrorsV4(t *testing.T) {
	var failure error
	s := newSite(t, withStore, withToy(map[string]handle{"POST callback": func(context.Context, *engine.Attempt) (engine.Result, error) {
		return engine.Result{}, failure
	}}), func(_ *site, c *engine.Config) { c.Dialect = engine.DialectV4 })
	for _, c := range []struct {
		err    error
		to     string
		status int
	}{
		{&engine.CredentialsError{}, "/error?error=CredentialsSignin&provider=toy", 401},
		{&engine.CredentialsError{Code: "locked"}, "/error?error=locked", 401},
		{&engine.Error{Code: "AccessDenied"}, "/error?error=AccessDenied", 403},
		{errors.New("down"), "/error?error=Configuration", 401},
	} {
		failure = c.err
		b := s.browser()
		token := b.csrf()
		b.send("/callback/toy", form("csrfToken", token)).wantTo(s.origin + base + c.to)
		r := b.send("/callback/toy", form("csrfToken", token, "json", "true"))
		if r.status != c.status || !strings.HasPrefix(r.body, `{"url":"`+s.origin+base+c.to) {
			t.Errorf("%v: a script gets %d %s", c.err, r.status, r.body)
		}
	}
}

// What an Attempt tells the method.
func TestAttempt(t *testing.T) {
	for _, strategy := range strategies {
		seen := func(*engine.Attempt) {}
		run := func(_ context.Context, a *engine.Attempt) (engine.Result, error) {
			seen(a)
			return a.JSON(http.StatusOK, nil), nil
		}
		s := newSite(t, withStrategy(strategy), withToy(map[string]handle{"GET callback": run, "POST callback": run}), func(s *site, c *engine.Config) {
			c.BasePath = "/auth"
			c.URL = "https://app.example.com/shop/auth"
			c.Adapter = s.store.inner
		})
		s.origin = "https://app.example.com"
		b := s.browser()
		do := func(r *http.Request, look func(a *engine.Attempt)) {
			t.Helper()
			called := false
			seen = func(a *engine.Attempt) { called = true; look(a) }
			if r := b.do(r); r.status != http.StatusOK || !called {
				t.Errorf("status %d %q, called %v", r.status, r.location(), called)
			}
		}
		do(b.request("GET", "/auth/callback/toy?a=1&a=2&b=%20x&callbackUrl=/x", nil), func(a *engine.Attempt) {
			if a.Value("a") != "2" || a.Value("b") != " x" || a.Value("c") != "" || a.Values() != nil {
				t.Errorf("the values of a GET are %q, %q, %q, %v", a.Value("a"), a.Value("b"), a.Value("c"), a.Values())
			}
			if a.Origin() != "https://app.example.com" || a.URL("step") != "https://app.example.com/shop/auth/step/toy" || !a.Now().Equal(startTime) {
				t.Errorf("Origin %q, URL %q, Now %v", a.Origin(), a.URL("step"), a.Now())
			}
			if random := make([]byte, 8); readFull(a, random) != nil || a.Store() == nil || a.Authenticators() == nil {
				t.Errorf("%s: Rand, Store or Authenticators is missing", strategy)
			}
			if u, err := a.SignedIn(); u != nil || err != nil {
				t.Errorf("%s: signed in is %v, %v", strategy, u, err)
			}
		})
		token := func() string {
			var body struct{ CSRFToken string }
			if err := json.Unmarshal([]byte(b.do(b.request("GET", "/auth/csrf", nil)).body), &body); err != nil {
				t.Fatal(err)
			}
			return body.CSRFToken
		}
		text := `{"csrfToken":"` + token() + `","a":"1","n":2.5,"t":true,"o":{"p":[1]},"z":null}`
		r := b.request("POST", "/auth/callback/toy?q=1", strings.NewReader(text))
		r.Header.Set("Content-Type", "application/json")
		do(r, func(a *engine.Attempt) {
			if a.Value("a") != "1" || a.Value("n") != "" || a.Value("q") != "" || a.Value("z") != "" {
				t.Errorf("the values of JSON are %q, %q, %q", a.Value("a"), a.Value("n"), a.Value("q"))
			}
			if v := a.Values(); v["n"] != 2.5 || v["t"] != true || !reflect.DeepEqual(v["o"], map[string]any{"p": []any{1.0}}) {
				t.Errorf("Values is %v", v)
			}
		})
		r = b.request("POST", "/auth/callback/credentials", strings.NewReader(form("csrfToken", token(), "password", password).Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		b.do(r)
		do(b.request("GET", "/auth/callback/toy", nil), func(a *engine.Attempt) {
			if u, err := a.SignedIn(); err != nil || u == nil || u.ID != "alice-id" || *u.Email != "alice@example.com" {
				t.Errorf("%s: signed in is %v, %v", strategy, u, err)
			}
		})
		s.quiet(t)
	}
}

func readFull(a *engine.Attempt, b []byte) error {
	_, err := a.Rand().Read(b)
	return err
}

// Without an adapter SignedIn knows the user of the token.
func TestSignedInWithoutAdapter(t *testing.T) {
	var user *engine.User
	s := newSite(t, withToy(map[string]handle{"POST callback": func(_ context.Context, a *engine.Attempt) (engine.Result, error) {
		var err error
		user, err = a.SignedIn()
		if a.Store() != nil || a.Authenticators() != nil {
			t.Error("there is a store")
		}
		return a.JSON(http.StatusOK, nil), err
	}}))
	b := s.browser()
	b.post("/callback/toy")
	if user != nil {
		t.Errorf("signed out, it is %v", user)
	}
	b.signIn()
	b.post("/callback/toy")
	if user == nil || user.ID != "alice-id" || user.Email == nil || *user.Email != "alice@example.com" {
		t.Errorf("signed in is %v", user)
	}
}

// A store that fails is an error of SignedIn, not nobody.
func TestSignedInWhenTheStoreFails(t *testing.T) {
	for _, strategy := range strategies {
		var user *engine.User
		var failed error
		s := newSite(t, withStrategy(strategy), withToy(map[string]handle{"POST callback": func(_ context.Context, a *engine.Attempt) (engine.Result, error) {
			user, failed = a.SignedIn()
			return engine.Result{}, failed
		}}))
		b := s.browser()
		b.signIn()
		s.store.failWith(errors.New("down"))
		b.post("/callback/toy").wantTo(s.origin + base + "/error?error=Configuration")
		if user != nil || failed == nil {
			t.Errorf("%s: SignedIn gives %v, %v", strategy, user, failed)
		}
		s.store.repair()
		if got := b.user(); got != "alice@example.com" {
			t.Errorf("%s: afterwards the session is of %q", strategy, got)
		}
	}
}
