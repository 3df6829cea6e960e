import NextAuth from "next-auth-v4"
import { authOptions } from "../../../auth"

export default NextAuth(authOptions)
