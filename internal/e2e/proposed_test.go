package e2e_test

import (
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/sesame-auth/sesame/engine"
)

// TestComeBackInTwoTabs asks for a protected page in each of two tabs, and
// signs in in the first: it comes back to the page of that tab.
func TestComeBackInTwoTabs(t *testing.T) {
	l := newLab(t)
	s := newSite(t, l, sesame(t, engine.StrategyJWT, nil))
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			one := newTab(t, "one", s.url, l.browser, chromedp.WithNewBrowserContext())
			two := newTab(t, "two", s.url, one.ctx)
			for _, b := range []*tab{one, two} {
				b.open("/protected/" + b.name)
				b.at(s.url + "/api/auth/signin")
			}
			way.fromForm(one, s)
			if way.name == "oidc" {
				one.at(identityProvider)
				one.click("#login")
			}
			one.isAt("/protected/one")
			one.shows("#who", way.email)
		})
	}
}
