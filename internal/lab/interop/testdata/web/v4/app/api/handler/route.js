import { getServerSession } from "next-auth-v4"
import { authOptions } from "../../../auth"

export async function GET() {
  return Response.json(await getServerSession(authOptions))
}
