package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/inspector"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/sesame-auth/sesame/internal/need"
)

// patience is how long a page may take to show what it should. It is long,
// because only a failing test waits for it.
const patience = 20 * time.Second

// findChromium skips the test when there is none, or fails it where
// SESAME_REQUIRE lists chromium.
func findChromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{
		"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome",
		"/Applications/Chromium.app/Contents/MacOS/Chromium",
		"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
	} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	need.Missing(t, "chromium", "install Chromium or Chrome (Debian: apt-get install chromium)")
	return ""
}

// startBrowser starts Chromium; it ends with the test.
func startBrowser(t *testing.T, path string) context.Context {
	t.Helper()
	ctx, cancel := chromedp.NewContext(context.Background(), chromedp.WithAllocatorOptions(
		chromedp.ExecPath(path), chromedp.WindowSize(1000, 1000)))
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("cannot start %s: %v", path, err)
	}
	return ctx
}

// tab is one tab. It keeps what the browser reports of it; anything that a
// developer would see in red or yellow fails the test.
type tab struct {
	t    *testing.T
	name string
	site string
	ctx  context.Context

	mu       sync.Mutex
	closed   bool
	document cdp.LoaderID // of the page that is shown
	requests map[network.RequestID]request
	finished map[cdp.LoaderID]map[string]int // by document, by method and path
	answered map[string]int                  // by method and path
	last     map[string]network.RequestID    // by method and path: the last one that was answered
	expected map[string]bool                 // problems that must come, and whether they have
	journal  []string
}

type request struct {
	document cdp.LoaderID
	key      string // method and path
}

// newTab opens a tab. Tabs of one parent tab share their cookies; a tab of the
// browser has cookies of its own.
func newTab(t *testing.T, name, site string, parent context.Context, options ...chromedp.ContextOption) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(parent, options...)
	b := &tab{
		t: t, name: name, site: site, ctx: ctx,
		requests: make(map[network.RequestID]request),
		finished: make(map[cdp.LoaderID]map[string]int),
		answered: make(map[string]int),
		last:     make(map[string]network.RequestID),
	}
	t.Cleanup(func() {
		if t.Failed() {
			b.report()
		}
		b.mu.Lock()
		b.closed = true
		b.mu.Unlock()
		cancel()
	})
	if err := chromedp.Listen(ctx, b.observe); err != nil {
		t.Fatal(err)
	}
	return b
}

// observe runs for every event of the tab, in order.
func (b *tab) observe(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	switch e := event.(type) {
	case *page.EventFrameNavigated:
		if e.Frame.ParentID == "" {
			b.document = e.Frame.LoaderID
			b.note("shows %s", e.Frame.URL)
		}
	case *network.EventRequestWillBeSent:
		key := e.Request.Method + " " + b.path(e.Request.URL)
		if e.RedirectResponse != nil {
			b.note("%s: %d", b.requests[e.RequestID].key, e.RedirectResponse.Status)
		}
		b.requests[e.RequestID] = request{e.LoaderID, key}
	case *network.EventResponseReceived:
		key := b.requests[e.RequestID].key
		b.answered[key]++
		b.last[key] = e.RequestID
		b.note("%s: %d", key, e.Response.Status)
		if e.Response.Status >= 400 {
			b.problem("%s: %d %s", key, e.Response.Status, e.Response.StatusText)
		}
	case *network.EventLoadingFinished:
		b.finish(e.RequestID)
	case *network.EventLoadingFailed:
		key := b.requests[e.RequestID].key
		b.note("%s: %s", key, e.ErrorText)
		if !e.Canceled { // cancelled: the page went away before the answer came
			b.problem("%s: %s %s", key, e.ErrorText, e.BlockedReason)
		}
		b.finish(e.RequestID)
	case *runtime.EventConsoleAPICalled:
		text := consoleText(e.Args)
		if e.Type == runtime.ConsoleAPICalledTypeInfo && strings.Contains(text, "Download the React DevTools") {
			return
		}
		if e.Type == runtime.ConsoleAPICalledTypeDebug && strings.HasPrefix(text, "[vite] connect") {
			return
		}
		b.problem("console.%s: %s", e.Type, text)
	case *runtime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			text += " " + e.ExceptionDetails.Exception.Description
		}
		b.problem("exception: %s", text)
	case *log.EventEntryAdded:
		b.problem("browser log, %s: %s (%s)", e.Entry.Level, e.Entry.Text, e.Entry.URL)
	case *page.EventJavascriptDialogOpening:
		b.problem("dialog: %s", e.Message)
	case *inspector.EventTargetCrashed:
		b.problem("the tab crashed")
	}
}

func (b *tab) finish(id network.RequestID) {
	r, known := b.requests[id]
	if !known {
		return
	}
	delete(b.requests, id)
	if b.finished[r.document] == nil {
		b.finished[r.document] = make(map[string]int)
	}
	b.finished[r.document][r.key]++
}

func (b *tab) note(format string, args ...any) {
	b.journal = append(b.journal, fmt.Sprintf(format, args...))
}

// problem fails the test, but lets it go on: what follows may say more.
func (b *tab) problem(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	for part := range b.expected {
		if strings.Contains(text, part) {
			b.expected[part] = true
			b.note("as expected: %s", text)
			return
		}
	}
	b.note("PROBLEM %s", text)
	b.t.Errorf("tab %s: %s", b.name, text)
}

// despite takes a step that must cause problems with these parts, and no others.
func (b *tab) despite(parts []string, step func()) {
	b.t.Helper()
	b.mu.Lock()
	b.expected = make(map[string]bool)
	for _, part := range parts {
		b.expected[part] = false
	}
	b.mu.Unlock()
	step()
	missing := func() (out []string) {
		b.mu.Lock()
		defer b.mu.Unlock()
		for part, came := range b.expected {
			if !came {
				out = append(out, part)
			}
		}
		return out
	}
	b.eventually("the problems are reported",
		func() bool { return len(missing()) == 0 },
		func() string { return fmt.Sprintf("not these: %q", missing()) })
	b.mu.Lock()
	b.expected = nil
	b.mu.Unlock()
}

// path is a URL of the site without the site, and without the query, which may
// hold a page of text; another site's URL keeps its origin.
func (b *tab) path(url string) string {
	path, _, _ := strings.Cut(strings.TrimPrefix(url, b.site), "?")
	return path
}

func consoleText(args []*runtime.RemoteObject) string {
	var parts []string
	for _, arg := range args {
		var s string
		switch {
		case json.Unmarshal(arg.Value, &s) == nil:
			parts = append(parts, s)
		case arg.Description != "":
			parts = append(parts, arg.Description)
		default:
			parts = append(parts, string(arg.Value))
		}
	}
	return strings.Join(parts, " ")
}

// report tells what a failed test needs to be understood.
func (b *tab) report() {
	b.mu.Lock()
	journal := strings.Join(b.journal, "\n  ")
	b.mu.Unlock()
	ctx, cancel := context.WithTimeout(b.ctx, 3*time.Second)
	defer cancel()
	shown, _ := chromedp.Run(ctx, chromedp.Evaluate[string](`location.href + ": " + document.body.innerText.replace(/\s+/g, " ")`))
	picture := "no picture"
	if png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot()); err == nil {
		file := filepath.Join(b.t.ArtifactDir(), "tab-"+b.name+".png")
		if os.WriteFile(file, png, 0o644) == nil {
			picture = file + " (kept with go test -artifacts)"
		}
	}
	b.t.Logf("tab %s, %s\n  %s\nshows %s", b.name, picture, journal, shown)
}

// ---- looking

const look = 10 * time.Millisecond

// eventually looks until the condition holds. got is told when it does not.
func (b *tab) eventually(what string, condition func() bool, got func() string) {
	b.t.Helper()
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	deadline := time.After(patience)
	for !condition() {
		select {
		case <-ticker.C:
		case <-deadline:
			b.t.Fatalf("tab %s: %s: not so after %v: %s", b.name, what, patience, got())
		}
	}
}

// eval evaluates an expression that yields a string; "" while the page is
// being replaced by another.
func (b *tab) eval(expression string) string {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	s, err := chromedp.Run(ctx, chromedp.Evaluate[string](expression))
	if err != nil {
		return ""
	}
	return s
}

func quote(s string) string {
	quoted, _ := json.Marshal(s)
	return string(quoted)
}

// text returns the text of an element of a page that has loaded, "" when there
// is none.
func (b *tab) text(selector string) string {
	return b.eval(`document.readyState === "complete" && document.querySelector(` + quote(selector) + `)?.textContent || ""`)
}

// shows waits until the element has the text.
func (b *tab) shows(selector, want string) {
	b.t.Helper()
	b.eventually(fmt.Sprintf("%s is %q", selector, want),
		func() bool { return b.text(selector) == want },
		func() string { return fmt.Sprintf("it is %q", b.text(selector)) })
}

// at waits until the tab shows a page that begins with the URL.
func (b *tab) at(url string) {
	b.t.Helper()
	location := `document.readyState === "complete" ? location.href : ""`
	b.eventually("the tab is at "+url,
		func() bool { return strings.HasPrefix(b.eval(location), url) },
		func() string { return "it is at " + b.eval("location.href") })
}

// isAt waits until the tab shows exactly this page of the site.
func (b *tab) isAt(path string) {
	b.t.Helper()
	location := `document.readyState === "complete" ? location.href : ""`
	b.eventually("the tab is at "+path,
		func() bool { return b.eval(location) == b.site+path },
		func() string { return "it is at " + b.eval("location.href") })
}

const sessionRead = "GET /api/auth/session"

// reads is how many session reads the shown page has finished.
func (b *tab) reads() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.finished[b.document][sessionRead]
}

// settled waits until the shown page has finished that many session reads and
// has none under way. The client reads when a page is shown, again because it
// hears itself telling the other tabs, and when it hears another tab.
func (b *tab) settled(reads int) {
	b.t.Helper()
	underway := func() int {
		b.mu.Lock()
		defer b.mu.Unlock()
		n := 0
		for _, r := range b.requests {
			if r.document == b.document && r.key == sessionRead {
				n++
			}
		}
		return n
	}
	b.eventually(fmt.Sprintf("%d session reads are finished", reads),
		func() bool { return b.reads() >= reads && underway() == 0 },
		func() string { return fmt.Sprintf("%d are, and %d are under way", b.reads(), underway()) })
}

// answers is how often the request (method and path) has been answered.
func (b *tab) answers(key string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.answered[key]
}

// body is what the last such request (method and path) was answered with.
func (b *tab) body(key string) string {
	b.t.Helper()
	b.mu.Lock()
	id := b.last[key]
	b.mu.Unlock()
	result, err := chromedp.Call(b.ctx, network.GetResponseBody, network.GetResponseBodyParams{RequestID: id})
	if err != nil {
		b.t.Fatalf("tab %s: the answer to %s: %v", b.name, key, err)
	}
	return string(result.Body)
}

// cookie returns a cookie of the site, nil when the browser has none.
func (b *tab) cookie(name string) *network.Cookie {
	b.t.Helper()
	result, err := chromedp.Call(b.ctx, network.GetCookies, network.GetCookiesParams{URLs: []string{b.site}})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range result.Cookies {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// heard waits until the other tabs will hear what this one tells next. It shows
// a page of the site, and was the last to tell, or has heard who was: another
// process may not yet know what a tab has written. Clients that stamp what they
// tell with the second write the same text again within it, of which the
// browser makes no storage event: that is how next-auth 4 is, and the other tab
// does not follow. (A sign-out is another text, and always heard.)
func (b *tab) heard(c *client) {
	b.t.Helper()
	if !c.stamps {
		return
	}
	const seconds = `Math.floor(Date.now() / 1000) - (JSON.parse(localStorage.getItem("nextauth.message"))?.timestamp ?? 0)`
	b.eventually("the clock is past the second in which a tab told the others",
		func() bool { return b.eval(`String(`+seconds+` > 0)`) == "true" },
		func() string { return "it is past it by " + b.eval(`String(`+seconds+`)`) })
}

// ---- doing

func (b *tab) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatalf("tab %s: %s: %v", b.name, what, err)
	}
}

// open goes to a page of the site, or to a URL.
func (b *tab) open(url string) {
	b.t.Helper()
	if strings.HasPrefix(url, "/") {
		url = b.site + url
	}
	b.do("open "+url, chromedp.Navigate(url))
}

func (b *tab) reload() {
	b.t.Helper()
	b.do("reload", chromedp.Reload())
}

// click clicks with the mouse, once the element can be seen.
func (b *tab) click(selector string) {
	b.t.Helper()
	b.do("click "+selector, chromedp.Click(chromedp.CSS(selector)))
}

// fill types into a field, over what is in it. (chromedp.Clear leaves what was
// typed before.)
func (b *tab) fill(selector, text string) {
	b.t.Helper()
	b.do("focus "+selector, chromedp.Focus(chromedp.CSS(selector)))
	b.eval(`document.activeElement.select(), ""`)
	b.do("fill "+selector, chromedp.SendKeys(chromedp.CSS(selector), text))
}
