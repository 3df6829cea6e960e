// Package e2e holds no code but tests: the whole story of signing in, in a
// real browser.
//
// Headless Chromium shows a React page that uses the real next-auth/react
// client, unmodified, of next-auth 5 and of next-auth 4. The page and the engine
// are one site; the identity provider is the oidc-provider npm package, a
// process of its own on another site. TestNextjs has examples/nextjs in their
// place: a front end that Next.js has built, and a Go server behind it. TestVite
// has examples/vite-react: behind Vite's development server, and alone. The
// tests need Chromium and Node.js and are skipped where one is missing, unless
// the environment variable SESAME_REQUIRE lists it
// (SESAME_REQUIRE=chromium,node): then they fail.
package e2e
