import { getServerSession } from "next-auth-v4"
import { authOptions } from "../../auth"

export default async function Page() {
  return <pre>{JSON.stringify(await getServerSession(authOptions))}</pre>
}
