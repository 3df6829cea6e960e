import { getToken } from "next-auth/jwt"
import { setup } from "../../../../setup"

export async function GET(request) {
  return Response.json(await getToken({ req: request, secret: setup.secrets, secureCookie: setup.secure }))
}
