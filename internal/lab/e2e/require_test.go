package e2e_test

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/evanw/esbuild/pkg/api"

	"github.com/sesame-auth/sesame/internal/need"
)

// findChromium skips the test when there is none, or fails it where
// SESAME_REQUIRE lists chromium.
func findChromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{
		"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome",
		"/Applications/Chromium.app/Contents/MacOS/Chromium",
		"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
	} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	need.Missing(t, "chromium", "install Chromium or Chrome (Debian: apt-get install chromium)")
	return ""
}

// web is the folder of the page, the identity provider and the lock file.
const web = "testdata/web"

// bundle packs the page with a version of next-auth and React's development
// build, which reports mistakes on the console.
func bundle(t *testing.T, packages, nextAuth string) []byte {
	t.Helper()
	result := api.Build(api.BuildOptions{
		EntryPoints: []string{filepath.Join(web, "app.jsx")},
		NodePaths:   []string{filepath.Join(packages, "node_modules")},
		Alias:       map[string]string{"next-auth/react": nextAuth + "/react"},
		Bundle:      true,
		Platform:    api.PlatformBrowser,
		Format:      api.FormatIIFE,
		JSX:         api.JSXAutomatic,
		Define: map[string]string{
			"process.env.NODE_ENV":              `"development"`,
			"process.env.NEXTAUTH_URL":          "undefined",
			"process.env.NEXTAUTH_URL_INTERNAL": "undefined",
			"process.env.VERCEL_URL":            "undefined",
		},
	})
	for _, message := range append(result.Errors, result.Warnings...) {
		t.Errorf("esbuild: %s (%+v)", message.Text, message.Location)
	}
	if t.Failed() || len(result.OutputFiles) != 1 {
		t.Fatalf("esbuild: %d files", len(result.OutputFiles))
	}
	return result.OutputFiles[0].Contents
}
