import { signOut } from "../../../auth"

export async function POST() {
  const { redirect } = await signOut({ redirect: false, redirectTo: "/" })
  return Response.json(redirect)
}
