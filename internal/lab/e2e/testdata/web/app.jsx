// The page of the browser test: everything the React client of next-auth does
// with a session, one button each, and what came of it as text.
import { useState } from "react"
import { createRoot } from "react-dom/client"
import { SessionProvider, getSession, signIn, signOut, useSession } from "next-auth/react"

const text = (name) => document.getElementById(name).value

function Page() {
  const { data: session, status, update } = useSession()
  const [read, setRead] = useState("")
  const [updated, setUpdated] = useState("")
  const who = (s) => (s ? s.user.name ?? s.user.email : "nobody")
  return (
    <main>
      <h1>Sesame in the browser</h1>
      <section>
        <h2>Session</h2>
        <dl>
          <dt>status</dt><dd id="status">{status}</dd>
          <dt>name</dt><dd id="name">{session?.user?.name}</dd>
          <dt>email</dt><dd id="email">{session?.user?.email}</dd>
          <dt>expires</dt><dd id="expires">{session?.expires}</dd>
        </dl>
      </section>
      <section>
        <h2>Sign in</h2>
        <button id="oidc" onClick={() => signIn("oidc")}>with OpenID Connect</button>
        <p>
          <input id="username" aria-label="User name" autoComplete="username" />
          <input id="password" aria-label="Password" autoComplete="off" />
          <button id="credentials" onClick={() => signIn("credentials", { username: text("username"), password: text("password") })}>with a password</button>
        </p>
        <p>
          <input id="address" aria-label="E-mail address" type="email" autoComplete="email" />
          <button id="mail" onClick={() => signIn("email", { email: text("address") })}>with a mail link</button>
        </p>
      </section>
      <section>
        <h2>Signed in</h2>
        <p>
          <input id="newname" aria-label="New name" autoComplete="off" />
          <button id="update" onClick={async () => setUpdated(who(await update({ name: text("newname") })))}>update()</button>
          <output id="updated">{updated}</output>
        </p>
        <p>
          <button id="read" onClick={async () => setRead(who(await getSession()))}>getSession()</button>
          <output id="wasread">{read}</output>
        </p>
        <button id="signout" onClick={() => signOut()}>signOut()</button>
      </section>
    </main>
  )
}

createRoot(document.getElementById("root")).render(
  <SessionProvider>
    <Page />
  </SessionProvider>,
)
