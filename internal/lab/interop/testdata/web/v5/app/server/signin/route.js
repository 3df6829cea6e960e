import { signIn } from "../../../auth"

export async function POST(request) {
  const { provider, ...options } = await request.json()
  return Response.json(await signIn(provider, { ...options, redirect: false }))
}
