import react from "@vitejs/plugin-react"
import { defineConfig } from "vite"

// The Go server. The browser knows nothing of it: it sees one site, so that
// cookies and the check of a form's origin need no setting.
const api = process.env.API_URL ?? "http://127.0.0.1:8080"
const proxy = { "/api": { target: api, changeOrigin: false } } // the Host stays that of the browser

export default defineConfig({
  plugins: [react()],
  // next-auth/react reads these, as Next.js would put them in. Without the lines
  // a browser says "process is not defined". (Vite itself sets NODE_ENV.)
  define: {
    "process.env.NEXTAUTH_URL": "undefined",
    "process.env.NEXTAUTH_URL_INTERNAL": "undefined",
    "process.env.VERCEL_URL": "undefined",
  },
  // Another port would not be the one that the identity provider sends people
  // back to.
  server: { host: "localhost", port: 5173, strictPort: true, proxy },
  preview: { host: "localhost", port: 5173, strictPort: true, proxy },
})
