package conformance

import (
	"testing"

	"github.com/sesame-auth/sesame/adapters/memory"
	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/adaptertest"
)

func memoryTarget() Target {
	return Target{"memory", func(*testing.T) (func(testing.TB, *engine.Schema) engine.Adapter, []adaptertest.Option) {
		return func(t testing.TB, s *engine.Schema) engine.Adapter {
			a := memory.New(s)
			t.Cleanup(func() { a.Close() })
			return a
		}, []adaptertest.Option{adaptertest.Require(adaptertest.WebAuthn, adaptertest.Tx, adaptertest.Purge, adaptertest.Sessions, adaptertest.Closer)}
	}}
}
