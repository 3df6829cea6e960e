import { getSession } from "next-auth-v4/react"

export default async function handler(req, res) {
  res.json(await getSession({ req }))
}
