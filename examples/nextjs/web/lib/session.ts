import { headers } from "next/headers"
import type { Session } from "next-auth"

/**
 * The session of the request that is being rendered, null when nobody is signed
 * in: what useSession() has in the browser, for server components. It asks the
 * Go server, which has the secret; Next.js needs none.
 *
 * A server component cannot set cookies, and says so: the session is read as it
 * is. When it is due to be extended, the browser's next request does that.
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
