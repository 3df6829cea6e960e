import { getToken } from "next-auth-v4/jwt"

export async function GET(request) {
  return Response.json(await getToken({ req: request }))
}
