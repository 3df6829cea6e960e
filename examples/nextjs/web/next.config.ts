import type { NextConfig } from "next"

// Where the Go server is. `next build` bakes it in: setting it for `next start`
// comes too late.
const api = process.env.API_URL ?? "http://127.0.0.1:8080"

const config: NextConfig = {
  // The browser sees one site. What begins with /api/ goes to the Go server:
  // the endpoints of Auth.js below /api/auth/, and its JSON API. Route handlers
  // of your own below app/api/ go first.
  rewrites: async () => [{ source: "/api/:path*", destination: `${api}/api/:path*` }],
  // For lib/session.ts, which asks the Go server directly.
  env: { API_URL: api },
  poweredByHeader: false,
}

export default config
