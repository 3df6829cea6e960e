// The identity provider of the browser test: the certified oidc-provider with
// one client and a log-in page of one button.
//
// Argument: the redirect URI. It listens on a free port, prints
// "READY <issuer>", and ends when its standard input is closed.
import http from "node:http"
import { Provider } from "oidc-provider"

const [redirectURI] = process.argv.slice(-1)
const person = { name: "Ada Lovelace", email: "ada@example.com", email_verified: true }

const server = http.createServer()
await new Promise((listening) => server.listen(0, "127.0.0.1", listening))
const issuer = `http://127.0.0.1:${server.address().port}`

const provider = new Provider(issuer, {
  clients: [{ client_id: "e2e", client_secret: "e2e-client-secret", redirect_uris: [redirectURI] }],
  conformIdTokenClaims: false, // the ID token carries the profile, as most providers' do
  claims: { openid: ["sub"], profile: ["name"], email: ["email", "email_verified"] },
  cookies: { keys: ["e2e"] },
  features: { devInteractions: { enabled: false } },
  interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id, ...person }) }),
  renderError(ctx, out, error) {
    console.error(error)
    ctx.type = "text"
    ctx.body = `${out.error}: ${out.error_description}`
  },
})

const loginPage = `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Identity provider</title><link rel="icon" href="data:,">
<style>body{font:1rem/1.5 system-ui;display:grid;place-items:center;min-height:90vh}button{font:inherit;padding:.5rem 1rem}</style>
<main><h1>Identity provider</h1><form method="post"><button id="login">Continue as ${person.name}</button></form></main></html>`

const answer = provider.callback()
server.on("request", async (req, res) => {
  if (!req.url.startsWith("/interaction/")) return answer(req, res)
  try {
    const { params } = await provider.interactionDetails(req, res)
    if (req.method === "GET") {
      res.setHeader("Content-Type", "text/html")
      return res.end(loginPage)
    }
    req.resume()
    const accountId = "ada"
    const grant = new provider.Grant({ accountId, clientId: params.client_id })
    grant.addOIDCScope(params.scope)
    const consent = { grantId: await grant.save() }
    await provider.interactionFinished(req, res, { login: { accountId }, consent }, { mergeWithLastSubmission: false })
  } catch (error) {
    console.error(error)
    res.statusCode = 500
    res.end(String(error))
  }
})

process.stdin.resume().on("end", () => process.exit())
console.log(`READY ${issuer}`)
