"use client"

import { SessionProvider } from "next-auth/react"
import type { ReactNode } from "react"

/**
 * The session is not handed in by the server, although it could be: then the
 * browser would ask for it seldom, and only an answer to the browser can extend
 * its cookie.
 */
export function Providers({ children }: { children: ReactNode }) {
  return <SessionProvider>{children}</SessionProvider>
}
