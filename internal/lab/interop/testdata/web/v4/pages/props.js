import { getServerSession } from "next-auth-v4"
import { authOptions } from "../auth"

export async function getServerSideProps({ req, res }) {
  return { props: { text: JSON.stringify(await getServerSession(req, res, authOptions)) } }
}

export default function Page({ text }) {
  return <pre>{text}</pre>
}
