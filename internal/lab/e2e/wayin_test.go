package e2e_test

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/sesame-auth/sesame/adapters/memory"
	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/internal/lab/toyway"
)

const secondCode = "314159"

// wayIn is a site with the way in of docs/ways-in.md, at which alice has
// registered a key.
func wayIn(t *testing.T, strategy engine.Strategy, log *slog.Logger, secondStep bool) (url string, key ed25519.PrivateKey) {
	t.Helper()
	key = ed25519.NewKeyFromSeed([]byte("the seed of the key of alice 123"))
	adapter := memory.New(nil)
	name, email := "Alice", alice
	if _, err := adapter.CreateUser(t.Context(), engine.User{ID: "alice", Name: &name, Email: &email}); err != nil {
		t.Fatal(err)
	}
	keys := &toyway.Keys{Key: func(_ context.Context, userID string) (ed25519.PublicKey, error) {
		if userID != "alice" {
			return nil, nil
		}
		return key.Public().(ed25519.PublicKey), nil
	}}
	if secondStep {
		keys.Code = func(_ context.Context, userID, code string) (bool, error) {
			return userID == "alice" && code == secondCode, nil
		}
	}
	eng, err := engine.New(engine.Config{
		Secrets:         []string{"a secret of the browser test, long enough"},
		Adapter:         adapter,
		SessionStrategy: strategy,
		Logger:          log,
		Getenv:          func(string) string { return "" },
		Providers:       []engine.Provider{keys},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { eng.Close() })
	mux := http.NewServeMux()
	mux.Handle("/api/auth/", eng)
	mux.Handle("GET /protected/", eng.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		session, _ := engine.SessionFrom(r.Context())
		protectedPage.Execute(w, *session.User.Email)
	})))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write([]byte(`<!doctype html><html lang="en"><title>The application</title><link rel="icon" href="data:,"><h1>The application</h1></html>`))
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return "http://localhost:" + port, key
}

// sign is what alice does with a challenge, outside of the browser.
func sign(key ed25519.PrivateKey, challenge string) string {
	return base64.RawURLEncoding.EncodeToString(ed25519.Sign(key, []byte(challenge)))
}

// TestWayIn signs in with a way in that was written outside of package engine,
// see docs/ways-in.md.
func TestWayIn(t *testing.T) {
	browser := startBrowser(t, findChromium(t))
	for _, strategy := range []engine.Strategy{engine.StrategyJWT, engine.StrategyDatabase} {
		t.Run(string(strategy), func(t *testing.T) {
			t.Run("page", func(t *testing.T) {
				url, key := wayIn(t, strategy, failOnLog(t), false)
				b := newTab(t, "page", url, browser, chromedp.WithNewBrowserContext())
				b.signByHand(key)
				b.isSignedIn()
			})
			t.Run("script", func(t *testing.T) {
				url, key := wayIn(t, strategy, failOnLog(t), false)
				b := newTab(t, "script", url, browser, chromedp.WithNewBrowserContext())
				b.open("/")
				b.signByScript(key)
				b.isAt("/protected/page?x=1")
				b.isSignedIn()
			})
			t.Run("one more step", func(t *testing.T) {
				url, key := wayIn(t, strategy, failOnLog(t), true)
				b := newTab(t, "step", url, browser, chromedp.WithNewBrowserContext())
				b.signByHand(key)
				b.shows("h1", "One more step")
				b.picture("3-step")
				b.fill(`input[name="code"]`, "271828")
				b.click("button")
				b.shows(".alert", "That is not the code.")
				b.picture("4-step-again")
				if b.cookie("authjs.session-token") != nil {
					t.Error("there is a session before the second step")
				}
				b.fill(`input[name="code"]`, secondCode)
				b.click("button")
				b.isSignedIn()
			})
			t.Run("wrong signature", func(t *testing.T) {
				url, _ := wayIn(t, strategy, slog.New(slog.DiscardHandler), false)
				b := newTab(t, "wrong", url, browser, chromedp.WithNewBrowserContext())
				b.signByHand(ed25519.NewKeyFromSeed([]byte("the seed of the key of mallory 1")))
				b.shows(".alert", "Those details did not match. Check them and try again.")
				b.picture("5-refused")
				if b.cookie("authjs.session-token") != nil {
					t.Error("there is a session")
				}
			})
		})
	}
}

// signByHand comes from a protected page to the built-in sign-in page, asks for a
// challenge and posts what key makes of it.
func (b *tab) signByHand(key ed25519.PrivateKey) {
	b.t.Helper()
	b.open("/protected/page?x=1")
	b.shows("h1", "Sign in")
	b.picture("1-sign-in")
	b.fill(`input[name="email"]`, " Alice@Example.com")
	b.click("button")
	b.shows("h1", "Sign this text")
	b.picture("2-challenge")
	challenge := b.text("h1 + p")
	if !strings.HasPrefix(challenge, b.site+"/") {
		b.t.Fatalf("the challenge is %q", challenge)
	}
	b.fill(`input[name="signature"]`, sign(key, challenge))
	b.click("button")
}

// signByScript does the same in the page of the application, as a client library
// does, and goes where the answer leads.
func (b *tab) signByScript(key ed25519.PrivateKey) {
	b.t.Helper()
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		b.t.Fatal(err)
	}
	_, err = chromedp.Run(b.ctx, chromedp.Evaluate[string](`(async () => {
		const base64url = bytes => btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")
		const key = await crypto.subtle.importKey("pkcs8", Uint8Array.from(atob(`+quote(base64.StdEncoding.EncodeToString(pkcs8))+`), c => c.charCodeAt(0)), "Ed25519", false, ["sign"])
		const { challenge } = await (await fetch("/api/auth/challenge/key?email=alice@example.com")).json()
		const signature = base64url(await crypto.subtle.sign("Ed25519", key, new TextEncoder().encode(challenge)))
		const { csrfToken } = await (await fetch("/api/auth/csrf")).json()
		const answer = await fetch("/api/auth/callback/key", {
			method: "POST",
			headers: { "Content-Type": "application/json", "X-Auth-Return-Redirect": "1" },
			body: JSON.stringify({ csrfToken, signature, callbackUrl: "/protected/page?x=1" }),
		})
		const { url } = await answer.json()
		setTimeout(() => location.href = url)
		return ""
	})()`, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatal(err)
	}
}

// isSignedIn waits for the protected page, as alice sees it, and checks that
// nothing of the sign-in is left in the browser.
func (b *tab) isSignedIn() {
	b.t.Helper()
	b.shows("#who", alice)
	b.isAt("/protected/page?x=1")
	result, err := chromedp.Call(b.ctx, network.GetCookies, network.GetCookiesParams{URLs: []string{b.site}})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range result.Cookies {
		if strings.Contains(c.Name, "challenge") || strings.Contains(c.Name, "pending") {
			b.t.Errorf("the cookie %s is left", c.Name)
		}
	}
}

// picture keeps a picture of the page where SESAME_PICTURES names a folder.
func (b *tab) picture(name string) {
	b.t.Helper()
	dir := os.Getenv("SESAME_PICTURES")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644)
	}
	if err != nil {
		b.t.Error(err)
	}
}
