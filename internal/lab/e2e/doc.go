// Package e2e tests signing in, from the first page to signing out, in a real
// browser:
//
//	go test ./internal/lab/e2e
//
// In TestBrowser, headless Chromium shows a React page with the unmodified
// next-auth/react client, of next-auth 5 and of next-auth 4. The page and the
// engine are one site. The identity provider is the npm package oidc-provider, in
// a process of its own on another site. TestNextjs tests examples/nextjs instead:
// a front end built by Next.js with a Go server behind it. TestVite tests
// examples/vite-react, behind Vite's development server and served from Go. TestWayIn
// signs in with the way in of docs/ways-in.md, from the built-in sign-in page and by
// a script; it needs Chromium alone.
//
// The tests need Chromium, and Node.js with npm.
package e2e
