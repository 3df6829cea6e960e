package engine

import (
	"github.com/sesame-auth/sesame/engine/store"
)

// capabilities are an Adapter and the optional interfaces that it implements.
// The others are nil.
type capabilities struct {
	Adapter // nil if nothing is stored

	transactor store.Transactor
	signUp     store.SignUpAdapter
	purger     store.Purger
	inspector  store.Inspector
	// authenticators stores WebAuthn credentials.
	authenticators store.AuthenticatorAdapter
	traits         store.Traits
}

// capabilitiesOf returns the capabilities of a. With observe, all of its calls
// are observed.
func capabilitiesOf(a Adapter, observe observer) capabilities {
	c := capabilities{Adapter: a}
	if a == nil {
		return c
	}
	c.transactor, _ = a.(store.Transactor)
	c.signUp, _ = a.(store.SignUpAdapter)
	c.purger, _ = a.(store.Purger)
	c.inspector, _ = a.(store.Inspector)
	c.authenticators, _ = a.(store.AuthenticatorAdapter)
	if t, ok := a.(store.TraitsDeclarer); ok {
		c.traits = t.Traits()
	}
	if observe == nil {
		return c
	}
	c.Adapter = observedAdapter{a, observe}
	if c.signUp != nil {
		c.signUp = observedSignUp{c.signUp, observe}
	}
	if c.purger != nil {
		c.purger = observedPurger{c.purger, observe}
	}
	if c.authenticators != nil {
		c.authenticators = observedAuthenticators{c.authenticators, observe}
	}
	return c
}
