package e2e_test

import (
	"path/filepath"
	"testing"

	"github.com/evanw/esbuild/pkg/api"
)

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
