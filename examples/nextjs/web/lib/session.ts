import { headers } from "next/headers"
import type { Session } from "next-auth"

/**
 * Returns the session of the request being rendered, or null if signed out: the
 * useSession() of server components. It asks the Go server, which has the secret;
 * Next.js needs none.
 *
 * A server component cannot set cookies, so it sends X-Auth-Read-Only: reading
 * does not extend the session. If that is due, the browser's next request does.
 */
export async function getSession(): Promise<Session | null> {
  const cookie = (await headers()).get("cookie")
  if (!cookie) return null
  const response = await fetch(`${process.env.API_URL}/api/auth/session`, {
    headers: { cookie, "x-auth-read-only": "1" },
    cache: "no-store",
  })
  if (!response.ok) throw new Error(`The session cannot be read: the Go server answered ${response.status}.`)
  return response.json()
}
