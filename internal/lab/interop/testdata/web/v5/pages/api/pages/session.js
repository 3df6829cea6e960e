import { auth } from "../../../auth"

export default async function handler(req, res) {
  res.json(await auth(req, res))
}
