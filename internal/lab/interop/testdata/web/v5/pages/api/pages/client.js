import { getSession } from "next-auth/react"

// next-auth 5 takes the headers where 4 takes {req}, whose cookie it would not
// send.
export default async function handler(req, res) {
  res.json(await getSession({ headers: req.headers }))
}
