package testent_test

import (
	"testing"

	"github.com/sesame-auth/sesame/engine/adaptertest"
	"github.com/sesame-auth/sesame/internal/conformance"
	"github.com/sesame-auth/sesame/internal/testent"
	"github.com/sesame-auth/sesame/internal/testent/fields"
)

// The generated adapter by itself, without the prepared statements of entclient.
func TestConformance(t *testing.T) {
	for _, target := range conformance.Generated("testent", fields.Schema(), testent.OpenAdapter, adaptertest.WebAuthn) {
		t.Run(target.Name, func(t *testing.T) {
			open, options := target.SetUp(t)
			adaptertest.Run(t, open, options...)
		})
	}
}
