package engine

import (
	"sync"
	"sync/atomic"

	"github.com/sesame-auth/sesame/engine/internal/messages"
	"github.com/sesame-auth/sesame/internal/wire"
)

// core is an engine without its ways to sign in: the configuration with its
// defaults, and everything derived from it that a request needs below the
// router. It is safe for concurrent use.
type core struct {
	cfg      Config
	dialect  *dialect
	adapter  capabilities
	strategy Strategy
	publicURL
	sites [2]*siteKeys // with plain and with secure cookies
	csrf  *wire.CSRF
	// hashSecrets hash CSRF tokens and those of mail links; new ones with the
	// first.
	hashSecrets []string
	texts       *messages.Catalogue
	codes       map[string]failureCodes // by the id of the provider

	logged      sync.Map     // the keys of once
	largeLogged atomic.Int64 // when a large cookie was last logged, UNIX seconds
	extended    extensions
}

// siteKeys are the names of cookies, and the keys derived from the names, which
// depend on whether cookies are secure.
type siteKeys struct {
	cookies                              cookieSet
	session, state, pkce, nonce, encoded *wire.Keys
}

func newSiteKeys(d *dialect, cookies cookieSet, secrets []string) *siteKeys {
	return &siteKeys{
		cookies: cookies,
		session: d.SessionKeys(cookies.session.Name, secrets...),
		state:   d.NewKeys(cookies.state.Name, secrets...),
		pkce:    d.NewKeys(cookies.pkce.Name, secrets...),
		nonce:   d.NewKeys(cookies.nonce.Name, secrets...),
		encoded: d.NewKeys(wire.StateSalt, secrets...),
	}
}

// once reports whether it is called for the first time with the key. It keeps
// requests from logging the same line repeatedly.
func (c *core) once(key string) bool {
	_, loaded := c.logged.LoadOrStore(key, true)
	return !loaded
}
