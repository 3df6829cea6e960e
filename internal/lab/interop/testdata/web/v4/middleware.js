import { withAuth } from "next-auth-v4/middleware"

export default withAuth({})

export const config = { matcher: ["/protected/:path*"] }
