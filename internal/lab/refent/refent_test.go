package refent_test

import (
	"testing"

	"github.com/sesame-auth/sesame/engine/adaptertest"
	"github.com/sesame-auth/sesame/gen/authtypes"
	"github.com/sesame-auth/sesame/internal/lab/conformance"
	"github.com/sesame-auth/sesame/internal/lab/refent"
)

// The reference schema: typegen's mixins, the extension's adapter, the engine's
// schema.
func TestConformance(t *testing.T) {
	for _, target := range conformance.Generated("refent", authtypes.Schema(), refent.OpenAdapter) {
		t.Run(target.Name, func(t *testing.T) {
			open, options := target.SetUp(t)
			adaptertest.Run(t, open, options...)
		})
	}
}
