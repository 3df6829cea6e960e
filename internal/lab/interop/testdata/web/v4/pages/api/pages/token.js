import { getToken } from "next-auth-v4/jwt"

export default async function handler(req, res) {
  res.json(await getToken({ req }))
}
