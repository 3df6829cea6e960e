package main

import (
	"bytes"
	"embed"
	"encoding/json"
	"html/template"
	"net/http"
	"net/url"
	"slices"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/authtest"
)

//go:embed templates/*.html style.css
var files embed.FS

// site is the application: its pages and their access rules.
type site struct {
	eng  *engine.Engine
	idp  *authtest.IdP
	mail *authtest.Mailbox

	home, protected, session, mailbox *template.Template
}

// handler returns the routes. There are three ways to read the session:
//
//   - eng.Middleware reads it, and engine.SessionFrom returns it;
//   - eng.Require also sends signed-out users to the sign-in page, and back;
//   - eng.Session is for handlers without either.
func (s *site) handler() http.Handler {
	s.home = parse("home.html")
	s.protected = parse("protected.html")
	s.session = parse("session.html")
	s.mailbox = parse("mailbox.html")

	mux := http.NewServeMux()
	mux.Handle("/api/auth/", s.eng) // the endpoints of Auth.js
	mux.Handle("/idp/", s.idp)      // in a real application it is elsewhere
	mux.Handle("GET /{$}", s.eng.Middleware(http.HandlerFunc(s.serveHome)))
	mux.Handle("GET /protected", s.eng.Require(http.HandlerFunc(s.serveProtected)))
	mux.Handle("GET /api/me", http.HandlerFunc(s.serveMe))
	mux.Handle("GET /session", s.eng.Middleware(http.HandlerFunc(s.serveSession)))
	mux.Handle("GET /mailbox", s.eng.Middleware(http.HandlerFunc(s.serveMailbox)))
	mux.Handle("GET /style.css", http.FileServerFS(files))
	return mux
}

// serveHome shows the public page.
func (s *site) serveHome(w http.ResponseWriter, r *http.Request) {
	render(w, r, s.home, "Quickstart", nil)
}

// serveProtected runs behind Require: there is a session.
func (s *site) serveProtected(w http.ResponseWriter, r *http.Request) {
	render(w, r, s.protected, "Protected page", nil)
}

// serveMe is a JSON API, which answers 401 without a session.
func (s *site) serveMe(w http.ResponseWriter, r *http.Request) {
	session, err := s.eng.Session(w, r)
	switch {
	case err != nil: // the database failed; the log says why
		writeJSON(w, http.StatusServiceUnavailable, map[string]string{"message": "Try again later."})
	case session == nil:
		writeJSON(w, http.StatusUnauthorized, map[string]string{"message": "Sign in first."})
	default:
		writeJSON(w, http.StatusOK, map[string]any{
			"id":    session.User.ID,
			"name":  session.User.Name,
			"email": session.User.Email,
		})
	}
}

// serveSession shows the session as the browser gets it, and as the server has
// it.
func (s *site) serveSession(w http.ResponseWriter, r *http.Request) {
	session, _ := engine.SessionFrom(r.Context())
	server, err := json.MarshalIndent(session, "", "  ")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	render(w, r, s.session, "Session", map[string]string{
		"Browser": s.browserSession(r),
		"Server":  string(server),
	})
}

// browserSession returns the body of GET /api/auth/session, which useSession() of
// next-auth/react requests, for the cookies of r.
func (s *site) browserSession(r *http.Request) string {
	ask := r.Clone(r.Context())
	ask.URL = &url.URL{Path: "/api/auth/session"}
	answer := recorder{header: make(http.Header)}
	s.eng.ServeHTTP(&answer, ask)
	return answer.body.String()
}

// recorder records a response instead of sending it.
type recorder struct {
	header http.Header
	body   bytes.Buffer
}

func (a *recorder) Header() http.Header         { return a.header }
func (a *recorder) Write(p []byte) (int, error) { return a.body.Write(p) }
func (a *recorder) WriteHeader(int)             {}

// serveMailbox shows the mails sent. The engine redirects here after sending one
// (Config.Pages.VerifyRequest).
func (s *site) serveMailbox(w http.ResponseWriter, r *http.Request) {
	mails := s.mail.Messages()
	slices.Reverse(mails) // newest first
	render(w, r, s.mailbox, "Mailbox", map[string]any{
		"Mails":   mails[:min(len(mails), 20)],
		"JustNow": r.URL.Query().Has("provider"),
	})
}

// view is the data of the templates.
type view struct {
	Title   string
	Path    string
	Session *engine.Session // nil: signed out
	Data    any
}

// Name returns the user's name or, as after a mail link, only the address.
func (v view) Name() string {
	switch u := v.Session.User; {
	case u.Name != nil && *u.Name != "":
		return *u.Name
	case u.Email != nil:
		return *u.Email
	default:
		return u.ID
	}
}

// Greeting returns the heading for a user.
func (v view) Greeting() string {
	if u := v.Session.User; u.Name != nil && *u.Name != "" {
		return "Hello, " + *u.Name
	}
	return "Hello"
}

func parse(page string) *template.Template {
	return template.Must(template.ParseFS(files, "templates/layout.html", "templates/"+page))
}

func render(w http.ResponseWriter, r *http.Request, t *template.Template, title string, data any) {
	session, _ := engine.SessionFrom(r.Context())
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, "layout", view{title, r.URL.Path, session, data}); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "private, no-store") // the page shows who is signed in
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "same-origin") // links in the mailbox sign in
	h.Set("X-Content-Type-Options", "nosniff")
	w.Write(b.Bytes())
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "private, no-store")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}
