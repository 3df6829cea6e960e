import type { Metadata } from "next"
import type { ReactNode } from "react"
import { getSession } from "../lib/session"
import { Providers } from "./providers"
import "./style.css"

export const metadata: Metadata = { title: "Sesame and Next.js" }

/** The server renders the theme, so it applies before any script runs. */
export default async function Layout({ children }: { children: ReactNode }) {
  const session = await getSession()
  return (
    <html lang="en" data-theme={session?.user.theme ?? "system"}>
      <body>
        <Providers>{children}</Providers>
      </body>
    </html>
  )
}
