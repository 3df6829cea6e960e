"use client"

import { useRouter } from "next/navigation"
import { getSession, signIn, signOut, useSession } from "next-auth/react"
import { type SubmitEvent, useState } from "react"
import { type Billing, type Project, get } from "../lib/api"
import type { Role, SessionUpdate, Theme } from "../next-auth"

// `next build` fails if one is missing or misspelled.
const may: Record<Role, string> = {
  admin: "may edit projects and see the bills",
  editor: "may edit projects",
  member: "may look",
}
const themes: Theme[] = ["system", "light", "dark"]

/** One button for each function of next-auth/react. */
export function SessionPanel() {
  const { data: session, status } = useSession()
  return (
    <section>
      <h2>In the browser</h2>
      <p>
        useSession(): <span id="status">{status}</span>
      </p>
      {status === "unauthenticated" && <SignIn />}
      {session && (
        <>
          <dl>
            <dt>name</dt>
            <dd id="name">{session.user.name}</dd>
            <dt>role</dt>
            <dd>
              <span id="role">{session.user.role}</span>, {may[session.user.role]}
            </dd>
            <dt>organisation</dt>
            <dd id="org">{session.orgName ?? "none"}</dd>
            <dt>theme</dt>
            <dd id="theme">{session.user.theme}</dd>
          </dl>
          <Update />
          <Api role={session.user.role} />
          <p>
            <button id="signout" onClick={() => signOut()}>
              signOut()
            </button>
          </p>
        </>
      )}
    </section>
  )
}

function SignIn() {
  const router = useRouter()
  const [wrong, setWrong] = useState(false)
  async function withPassword(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const result = await signIn("credentials", {
      username: form.get("username"),
      password: form.get("password"),
      redirect: false,
    })
    if (result.error) return setWrong(true)
    router.refresh() // renders the server components with the session
    await getSession() // tells the other tabs, which signIn() without a redirect does not
  }
  return (
    <>
      <p>
        <button id="oidc" onClick={() => signIn("demo")}>
          signIn(&quot;demo&quot;)
        </button>
      </p>
      <form onSubmit={withPassword}>
        <input name="username" aria-label="User name" placeholder="ada" autoComplete="username" />
        <input name="password" aria-label="Password" placeholder="lovelace" type="password" autoComplete="current-password" />
        <button id="credentials">signIn(&quot;credentials&quot;)</button>
      </form>
      {wrong && <p id="wrong">This is not the password.</p>}
    </>
  )
}

function Update() {
  const { update } = useSession()
  const router = useRouter()
  const [answer, setAnswer] = useState("")
  async function choose(theme: Theme) {
    // satisfies, because update() accepts anything, but the server does not.
    await update({ theme } satisfies SessionUpdate)
    router.refresh() // renders the server components with it
  }
  async function becomeAdmin() {
    const session = await update({ role: "admin" }) // satisfies SessionUpdate would not compile
    setAnswer(session ? "accepted" : "refused, the console says why")
  }
  return (
    <>
      <p>
        {themes.map((theme) => (
          <button key={theme} id={theme} onClick={() => choose(theme)}>
            update({"{"} theme: &quot;{theme}&quot; {"}"})
          </button>
        ))}
      </p>
      <p>
        <button id="become-admin" onClick={becomeAdmin}>
          update({"{"} role: &quot;admin&quot; {"}"})
        </button>
        <output id="became">{answer}</output>
      </p>
    </>
  )
}

function Api({ role }: { role: Role }) {
  const [projects, setProjects] = useState<Project[]>([])
  const [billing, setBilling] = useState<Billing>()
  return (
    <>
      <p>
        <button id="projects" onClick={async () => setProjects(await get<Project[]>("/api/projects"))}>
          GET /api/projects
        </button>
        {role === "admin" && (
          <button id="billing" onClick={async () => setBilling(await get<Billing>("/api/billing"))}>
            GET /api/billing
          </button>
        )}
      </p>
      <ul>
        {projects.map((project) => (
          <li key={project.name} className="project">
            {project.name}
            {project.canEdit ? " (edit)" : ""}
          </li>
        ))}
      </ul>
      {billing && <p id="invoices">{billing.openInvoices} open invoices</p>}
    </>
  )
}
