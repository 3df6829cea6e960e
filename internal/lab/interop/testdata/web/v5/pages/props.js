import { auth } from "../auth"

export async function getServerSideProps(context) {
  return { props: { text: JSON.stringify(await auth(context)) } }
}

export default function Page({ text }) {
  return <pre>{text}</pre>
}
