import type { Session } from "next-auth"
import type { SessionUpdate } from "./next-auth"

export function wrong(session: Session) {
  // @ts-expect-error: no such role
  if (session.user.role === "owner") return
  // @ts-expect-error: the browser never has it
  void session.user.stripeCustomerId
  // @ts-expect-error: not for the browser to change
  void ({ role: "admin" } satisfies SessionUpdate)
  // @ts-expect-error: no such theme
  void ({ theme: "pink" } satisfies SessionUpdate)
}
