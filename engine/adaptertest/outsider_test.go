package adaptertest_test

import (
	"testing"

	"github.com/sesame-auth/sesame/adapters/memory"
	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/adaptertest"
)

func TestAdapter(t *testing.T) {
	adaptertest.Run(t, func(t testing.TB, s *engine.Schema) engine.Adapter { return memory.New(s) })
}
