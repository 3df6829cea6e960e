import { unstable_update } from "../../../auth"

export async function POST(request) {
  return Response.json(await unstable_update(await request.json()))
}
