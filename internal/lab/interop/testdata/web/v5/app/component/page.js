import { auth } from "../../auth"

export default async function Page() {
  return <pre>{JSON.stringify(await auth())}</pre>
}
