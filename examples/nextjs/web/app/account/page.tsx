import Link from "next/link"
import { redirect } from "next/navigation"
import { getSession } from "../../lib/session"

/** Signed-out users go to the sign-in page of the Go server, and then return. */
export default async function Account() {
  const session = await getSession()
  if (!session) redirect("/api/auth/signin?callbackUrl=/account")
  return (
    <main>
      <h1>Your account</h1>
      <p>
        Signed in as <strong id="who">{session.user.email}</strong>, until{" "}
        <time dateTime={session.expires}>{session.expires.slice(0, 10)}</time>.
      </p>
      <p>
        <Link href="/">Back</Link>
      </p>
    </main>
  )
}
