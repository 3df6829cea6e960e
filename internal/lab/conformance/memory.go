package conformance

import (
	"testing"

	"github.com/sesame-auth/sesame/adapters/memory"
	"github.com/sesame-auth/sesame/engine/adaptertest"
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
)

func memoryTarget() Target {
	return Target{"memory", func(*testing.T) (func(testing.TB, *schema.Schema) store.Adapter, []adaptertest.Option) {
		return func(t testing.TB, s *schema.Schema) store.Adapter {
			a := memory.New(s)
			t.Cleanup(func() { a.Close() })
			return a
		}, []adaptertest.Option{adaptertest.Require(adaptertest.WebAuthn, adaptertest.Tx, adaptertest.Purge, adaptertest.Sessions, adaptertest.Closer)}
	}}
}
