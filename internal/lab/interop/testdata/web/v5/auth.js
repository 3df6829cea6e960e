import NextAuth from "next-auth"
import Credentials from "next-auth/providers/credentials"
import { adapter, authorize, jwt, mail, session, setup } from "../setup"

export const { handlers, auth, signIn, signOut, unstable_update } = NextAuth({
  secret: setup.secrets,
  adapter,
  session: { strategy: adapter ? "database" : "jwt", maxAge: setup.maxAge, updateAge: setup.updateAge },
  providers: [
    Credentials({ credentials: { username: {}, password: {} }, authorize }),
    setup.issuer && {
      id: "idp", name: "IdP", type: "oidc", issuer: setup.issuer, clientId: "interop", clientSecret: "interop-secret",
      checks: ["pkce", "state", "nonce"],
    },
    adapter && { id: "email", name: "Email", type: "email", maxAge: 86400, options: {}, sendVerificationRequest: mail },
  ].filter(Boolean),
  callbacks: { jwt, session, authorized: ({ auth }) => !!auth },
})
