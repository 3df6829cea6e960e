import guide from "../guide.config.mjs"

// The pages router takes packages from node_modules as they are, and there
// next-auth cannot import "next/server".
export default { ...guide, transpilePackages: ["next-auth"] }
