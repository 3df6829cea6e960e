"use client"

import { SessionProvider } from "next-auth/react"
import type { ReactNode } from "react"

/**
 * The server does not pass the session, although it could: the browser would
 * then rarely request it, and only a response to the browser can extend its
 * cookie.
 */
export function Providers({ children }: { children: ReactNode }) {
  return <SessionProvider>{children}</SessionProvider>
}
