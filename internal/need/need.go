// Package need says what happens to a test whose program is not on the machine.
package need

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// Missing skips the test because a program is not there, or fails it where the
// environment variable SESAME_REQUIRE lists the program's name
// (SESAME_REQUIRE=chromium,node,mysql,postgres,redis). install says what to
// install.
func Missing(t testing.TB, program, install string) {
	t.Helper()
	message := program + " is needed for this test: " + install
	if slices.Contains(strings.Split(os.Getenv("SESAME_REQUIRE"), ","), program) {
		t.Fatal(message + " (SESAME_REQUIRE lists it)")
	}
	t.Skip(message)
}
