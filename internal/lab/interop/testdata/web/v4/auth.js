import Credentials from "next-auth-v4/providers/credentials"
import { adapter, authorize, jwt, mail, session, setup } from "../setup"

export const authOptions = {
  adapter: adapter || undefined,
  session: { strategy: adapter ? "database" : "jwt", maxAge: setup.maxAge, updateAge: setup.updateAge },
  providers: [
    Credentials({ credentials: { username: {}, password: {} }, authorize }),
    setup.issuer && {
      id: "idp", name: "IdP", type: "oauth", wellKnown: setup.issuer + "/.well-known/openid-configuration", idToken: true,
      clientId: "interop", clientSecret: "interop-secret", authorization: { params: { scope: "openid profile email" } },
      checks: ["pkce", "state", "nonce"],
      profile: ({ sub, name, email, picture }) => ({ id: sub, name, email, image: picture }),
    },
    adapter && { id: "email", name: "Email", type: "email", maxAge: 86400, options: {}, sendVerificationRequest: mail },
  ].filter(Boolean),
  callbacks: { jwt, session },
}
