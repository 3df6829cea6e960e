import Link from "next/link"
import { getSession } from "../lib/session"
import { SessionPanel } from "./session-panel"

export default async function Home() {
  const session = await getSession()
  return (
    <main>
      <h1>Sesame and Next.js</h1>
      <section>
        <h2>In a server component</h2>
        {session ? (
          <dl>
            <dt>name</dt>
            <dd id="server-name">{session.user.name}</dd>
            <dt>role</dt>
            <dd id="server-role">{session.user.role}</dd>
            <dt>organisation</dt>
            <dd id="server-org">{session.orgName ?? "none"}</dd>
            <dt>theme</dt>
            <dd id="server-theme">{session.user.theme}</dd>
          </dl>
        ) : (
          <p id="server-nobody">Nobody is signed in.</p>
        )}
        <p>
          <Link href="/account">A page for signed-in users</Link>
        </p>
      </section>
      <SessionPanel />
    </main>
  )
}
