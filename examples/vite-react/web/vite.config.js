import react from "@vitejs/plugin-react"
import { defineConfig } from "vite"

// The Go server. The browser sees a single site, so cookies and the origin check
// need no configuration.
const api = process.env.API_URL ?? "http://127.0.0.1:8080"
const proxy = { "/api": { target: api, changeOrigin: false } } // keeps the browser's Host

export default defineConfig({
  plugins: [react()],
  // next-auth/react reads these variables, which Next.js would define. Without
  // them the browser reports "process is not defined". (Vite sets NODE_ENV.)
  define: {
    "process.env.NEXTAUTH_URL": "undefined",
    "process.env.NEXTAUTH_URL_INTERNAL": "undefined",
    "process.env.VERCEL_URL": "undefined",
  },
  // The identity provider redirects to this port only.
  server: { host: "localhost", port: 5173, strictPort: true, proxy },
  preview: { host: "localhost", port: 5173, strictPort: true, proxy },
})
