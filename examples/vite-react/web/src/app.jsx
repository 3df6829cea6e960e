import { getSession, signIn, signOut, useSession } from "next-auth/react"
import { useState } from "react"

export function App() {
  const { data: session, status } = useSession()
  return (
    <main>
      <h1>Vite in front, Go behind</h1>
      <p>
        useSession(): <span id="status">{status}</span>
      </p>
      {status === "unauthenticated" && <SignIn />}
      {session && <Account user={session.user} />}
    </main>
  )
}

function SignIn() {
  const [error, setError] = useState(null)
  async function withPassword(event) {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const result = await signIn("credentials", {
      username: form.get("username"),
      password: form.get("password"),
      redirect: false,
    })
    setError(result?.error ? "That is not the password." : null)
    if (!result?.error) await getSession() // tells the other tabs, which signIn() without a redirect does not
  }
  return (
    <>
      <button id="oidc" onClick={() => signIn("demo")}>
        Sign in with the demo provider
      </button>
      <form onSubmit={withPassword}>
        <input name="username" placeholder="ada" aria-label="User name" autoComplete="username" />
        <input name="password" placeholder="lovelace" aria-label="Password" type="password" autoComplete="current-password" />
        <button id="password">Sign in</button>
        {error && <p role="alert">{error}</p>}
      </form>
    </>
  )
}

function Account({ user }) {
  const { update } = useSession()
  const [error, setError] = useState(null)
  async function rename(event) {
    event.preventDefault()
    const name = new FormData(event.currentTarget).get("name")
    const answer = await fetch("/api/name", { method: "PUT", body: JSON.stringify({ name }) })
    setError(answer.ok ? null : await answer.text())
    if (answer.ok) await update() // reads the session again, in other tabs too
  }
  return (
    <>
      <p>
        You are <b id="name">{user.name}</b>, {user.email}.
      </p>
      <form onSubmit={rename}>
        <input name="name" defaultValue={user.name} aria-label="Name" />
        <button id="rename">Change the name</button>
        {error && <p role="alert">{error}</p>}
      </form>
      <button id="signout" onClick={() => signOut()}>
        Sign out
      </button>
    </>
  )
}
