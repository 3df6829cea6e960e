import type { NextConfig } from "next"

// The address of the Go server. `next build` fixes it: setting it for `next
// start` has no effect.
const api = process.env.API_URL ?? "http://127.0.0.1:8080"

const config: NextConfig = {
  // The browser sees one site. Paths below /api/ go to the Go server: the
  // endpoints of Auth.js below /api/auth/, and its JSON API. Your own route
  // handlers below app/api/ take precedence.
  rewrites: async () => [{ source: "/api/:path*", destination: `${api}/api/:path*` }],
  // For lib/session.ts, which asks the Go server directly.
  env: { API_URL: api },
  poweredByHeader: false,
}

export default config
