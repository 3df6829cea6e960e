// Package labserver is a server that can be compared with recorded answers of
// Auth.js. It has the profiles, providers, flags and control endpoint of v5.mjs
// and v4.mjs in internal/lab/wirereplay/testdata/lab, on an [engine.Engine] with
// every parity switch on, so that the driver and the client of that lab run
// against it unchanged. Its own tests show what each parity switch changes, and
// need nothing:
//
//	go test ./internal/lab/labserver
//
// The control endpoint /__lab changes flags and empties the store. Nothing in
// this package belongs in a server that others can reach.
package labserver

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/sesame-auth/sesame/engine"
)

// Secret is the lab's secret.
const Secret = "lab-secret-lab-secret-lab-secret-32"

// Profile is one of the lab's servers.
type Profile struct {
	Name     string
	Dialect  engine.Dialect
	Port     int // of the lab, before any offset
	Strategy engine.Strategy
	Adapter  bool // false: nothing is stored, and there is no e-mail provider
	Pages    engine.Pages
}

// ProfilesV4 returns the four servers of the lab's v4.mjs: those of [Profiles]
// with the wire of next-auth 4, ten ports further.
func ProfilesV4() []Profile {
	profiles := Profiles()
	for i := range profiles {
		profiles[i].Dialect = engine.DialectV4
		profiles[i].Port += 10
	}
	return profiles
}

// Profiles returns the four servers of the lab's v5.mjs.
func Profiles() []Profile {
	return []Profile{
		{Name: "jwt", Port: 4501, Strategy: engine.StrategyJWT, Adapter: true},
		{Name: "db", Port: 4502, Strategy: engine.StrategyDatabase, Adapter: true},
		{Name: "bare", Port: 4503, Strategy: engine.StrategyJWT},
		{Name: "pages", Port: 4504, Strategy: engine.StrategyJWT, Adapter: true, Pages: engine.Pages{
			SignIn:        "/my/signin",
			SignOut:       "/my/signout",
			Error:         "/my/error",
			VerifyRequest: "/my/verify",
			NewUser:       "/my/welcome",
		}},
	}
}

// Options are what the lab leaves open. The zero value is the lab's own.
type Options struct {
	OIDC   string       // issuer; default "http://127.0.0.1:4520"
	OAuth  string       // OAuth 2.0 server; default "http://127.0.0.1:4521"
	Logger *slog.Logger // default: silent
	// Adapter stores instead of the lab's own tables: a real database, which
	// several servers may share. Its calls are not recorded, and the control
	// endpoint neither shows nor changes what it holds. nil: the lab's tables.
	Adapter engine.Adapter
	// Mail sends the mail links. nil: the control endpoint shows them.
	Mail func(context.Context, engine.VerificationRequest) error
	// Configure has the last word over the configuration, each time that an
	// engine is made. nil changes nothing.
	Configure func(*engine.Config)
}

// Server is one server of the lab. It is safe for concurrent use.
type Server struct {
	profile Profile
	options Options

	mu     sync.Mutex                 // guards what follows, and is never held during a request
	named  map[string]json.RawMessage // flags as they were sent
	log    []entry
	mail   []mail
	db     tables
	engine *engine.Engine
}

// mail is a mail link that was "sent".
type mail struct {
	Identifier string `json:"identifier"`
	URL        string `json:"url"`
	Token      string `json:"token"`
	Expires    string `json:"expires"`
}

// New returns a server with no flags set and nothing stored. The error is that
// of [engine.New].
func New(p Profile, o Options) (*Server, error) {
	if o.OIDC == "" {
		o.OIDC = "http://127.0.0.1:4520"
	}
	if o.OAuth == "" {
		o.OAuth = "http://127.0.0.1:4521"
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{profile: p, options: o}
	if err := s.setFlags(true, nil); err != nil {
		return nil, err
	}
	return s, nil
}

// ServeHTTP answers the control endpoint and hands everything else to the
// engine.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/__lab") {
		s.control(w, r)
		return
	}
	s.mu.Lock()
	eng := s.engine
	s.mu.Unlock()
	eng.ServeHTTP(w, r)
}

// flags change how the server behaves (the lab's README lists them).
type flags struct {
	SignIn          string         `json:"signIn"` // "false", "string", "foreign", "throw"
	JWTNull         bool           `json:"jwtNull"`
	Pad             *int           `json:"pad"` // characters added to the token
	SessionCallback bool           `json:"sessionCallback"`
	SessionThrows   bool           `json:"sessionThrows"`
	EventThrows     string         `json:"eventThrows"`
	AdapterThrows   string         `json:"adapterThrows"`
	Session         sessionOptions `json:"session"`
	Config          configOptions  `json:"config"`
	Checks          []string       `json:"checks"`
	Untrusted       bool           `json:"untrusted"`
	DeadIDP         bool           `json:"deadIdp"`
	ProfileThrows   bool           `json:"profileThrows"`
}

type sessionOptions struct {
	MaxAge    int `json:"maxAge"` // seconds
	UpdateAge int `json:"updateAge"`
}

type configOptions struct {
	UseSecureCookies *bool `json:"useSecureCookies"`
	JWT              struct {
		MaxAge int `json:"maxAge"` // seconds
	} `json:"jwt"`
	RedirectProxyURL string `json:"redirectProxyUrl"` // accepted; the engine has no such option yet
}

// order is what POST /__lab may ask for. The members are obeyed in this order.
type order struct {
	Reset         bool                       `json:"reset"`
	Flags         map[string]json.RawMessage `json:"flags"`
	ClearLog      bool                       `json:"clearLog"`
	ShiftSessions int                        `json:"shiftSessions"` // seconds from now; 0 leaves them
	ShiftTokens   int                        `json:"shiftTokens"`
	AddUser       *userRow                   `json:"addUser"`
}

func (s *Server) control(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err == nil {
			err = s.obey(body)
		}
		if err != nil {
			http.Error(w, "labserver: "+err.Error(), http.StatusBadRequest)
			return
		}
	}
	s.mu.Lock()
	state, err := json.Marshal(struct {
		Log  []entry `json:"log"`
		Mail []mail  `json:"mail"`
		DB   tables  `json:"db"`
	}{s.log, s.mail, s.db})
	s.mu.Unlock()
	if err != nil {
		http.Error(w, "labserver: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(state)
}

func (s *Server) obey(body []byte) error {
	var o order
	if len(body) > 0 {
		if err := strictly(body, &o); err != nil {
			return fmt.Errorf("the body is not an order: %w", err)
		}
	}
	if o.Reset || o.Flags != nil {
		if err := s.setFlags(o.Reset, o.Flags); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if o.ClearLog {
		s.log = []entry{}
	}
	if o.ShiftSessions != 0 {
		for i := range s.db.Sessions {
			s.db.Sessions[i].Expires = inSeconds(o.ShiftSessions)
		}
	}
	if o.ShiftTokens != 0 {
		for i := range s.db.Tokens {
			s.db.Tokens[i].Expires = inSeconds(o.ShiftTokens)
		}
	}
	if o.AddUser != nil {
		s.db.Users = append(s.db.Users, *o.AddUser)
	}
	return nil
}

func inSeconds(n int) date { return date(time.Now().Add(time.Duration(n) * time.Second)) }

// setFlags merges flags, empties everything first when reset, and makes an
// engine that follows the result. Flags that cannot be followed change
// nothing.
func (s *Server) setFlags(reset bool, set map[string]json.RawMessage) error {
	s.mu.Lock()
	named := make(map[string]json.RawMessage)
	if !reset {
		maps.Copy(named, s.named)
	}
	s.mu.Unlock()
	maps.Copy(named, set)
	all, err := json.Marshal(named)
	if err != nil {
		return err
	}
	var f flags
	if err := strictly(all, &f); err != nil {
		return fmt.Errorf("flags: %w", err)
	}
	eng, err := engine.New(s.config(f))
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.named, s.engine = named, eng
	if reset {
		s.log, s.mail, s.db = []entry{}, []mail{}, emptyTables()
	}
	return nil
}

func strictly(data []byte, v any) error {
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.DisallowUnknownFields()
	return d.Decode(v)
}
