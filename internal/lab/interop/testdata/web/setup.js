// What the two apps have in common. The test says in INTEROP what they are like;
// `next build` runs without.
import { DrizzleAdapter } from "@auth/drizzle-adapter"

export const setup = JSON.parse(process.env.INTEROP ?? "{}")

// people is who may sign in with a name and the password "open".
export async function authorize({ username, password }) {
  const person = setup.people?.[username]
  return person && password === "open" ? person : null
}

// mail hands a mail link to the test.
export async function mail({ identifier, url }) {
  const answer = await fetch(setup.mailbox, { method: "POST", body: JSON.stringify({ identifier, url }) })
  if (!answer.ok) throw new Error(`the mailbox said ${answer.status}`)
}

// The members of a token beside those of Auth.js, as both apps keep them.
export function jwt({ token, user, trigger, session }) {
  if (user) Object.assign(token, { role: user.role, theme: user.theme, note: user.note })
  if (trigger === "update") {
    for (const member of ["name", "theme", "note"]) {
      if (session && member in session) token[member] = session[member]
    }
  }
  return token
}

// What of a token, or of a row of the database, is in the session.
export async function session({ session, token, user, trigger, newSession }) {
  if (user && trigger === "update" && newSession) {
    user = await adapter.updateUser({ id: user.id, ...newSession })
  }
  const from = user ?? token
  const { name, email, image } = user ?? { ...token, image: token.picture }
  return {
    user: { name, email, image, id: user?.id ?? token.sub, role: from.role, theme: from.theme, note: from.note },
    expires: session.expires?.toISOString?.() ?? session.expires,
  }
}

// adapter is DrizzleAdapter over the tables of the test, with the columns that
// the app has added to that of users.
export const adapter = setup.database && DrizzleAdapter(...(await open(setup.database)))

async function open(url) {
  if (url.startsWith("file:")) {
    const [{ drizzle }, { integer, sqliteTable, text }] =
      await Promise.all([import("drizzle-orm/libsql"), import("drizzle-orm/sqlite-core")])
    const usersTable = sqliteTable("user", {
      ...builtin(text), emailVerified: integer("emailVerified", { mode: "timestamp_ms" }), ...extra(text),
    })
    const db = drizzle({ connection: { url } })
    await db.run("PRAGMA busy_timeout = 5000")
    return [db, { usersTable }]
  }
  const [{ drizzle }, { default: pg }, { pgTable, text, timestamp }] =
    await Promise.all([import("drizzle-orm/node-postgres"), import("pg"), import("drizzle-orm/pg-core")])
  const usersTable = pgTable("user", {
    ...builtin(text), emailVerified: timestamp("emailVerified", { mode: "date" }), ...extra(text),
  })
  return [drizzle(new pg.Pool({ connectionString: url })), { usersTable }]
}

function builtin(text) {
  return {
    id: text("id").primaryKey().$defaultFn(() => crypto.randomUUID()),
    name: text("name"),
    email: text("email").unique(),
    image: text("image"),
  }
}

function extra(text) {
  return {
    role: text("role").notNull().default("guest"),
    theme: text("theme").notNull().default("light"),
    note: text("note").notNull().default(""),
  }
}
