package need_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sesame-auth/sesame/internal/need"
)

func TestMissing(t *testing.T) {
	for list, fails := range map[string]bool{"": false, "mysql": false, "redis": true, "mysql,redis,node": true} {
		t.Setenv("SESAME_REQUIRE", list)
		r := &recorder{TB: t}
		need.Missing(r, "redis", "install it")
		if r.fatal != fails || r.skip == fails || !strings.Contains(r.message, "install it") {
			t.Errorf("SESAME_REQUIRE=%s: %+v", list, r)
		}
	}
}

// recorder notes what a test would do.
type recorder struct {
	testing.TB
	fatal, skip bool
	message     string
}

func (r *recorder) Fatal(args ...any) {
	if !r.skip && !r.fatal {
		r.fatal, r.message = true, fmt.Sprint(args...)
	}
}

func (r *recorder) Skip(args ...any) {
	if !r.fatal {
		r.skip, r.message = true, fmt.Sprint(args...)
	}
}
