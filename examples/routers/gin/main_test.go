package main

import (
	"testing"

	"github.com/sesame-auth/sesame/examples/routers/sitetest"
)

func TestSite(t *testing.T) { sitetest.Test(t, newSite) }
