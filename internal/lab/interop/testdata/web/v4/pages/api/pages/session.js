import { getServerSession } from "next-auth-v4"
import { authOptions } from "../../../auth"

export default async function handler(req, res) {
  res.json(await getServerSession(req, res, authOptions))
}
