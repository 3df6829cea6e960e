// Writes PROVIDER.json beside each PROVIDER.prisma: what `prisma generate` knows
// of the models, without the code around it. Run by hand when the models or the
// version of Prisma change: node prisma/generate.mjs
import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const { dependencies } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"))
const version = dependencies["@prisma/client"]
const dir = mkdtempSync(join(tmpdir(), "prisma-"))
const run = (program, ...args) => execFileSync(program, args, {
  cwd: dir, stdio: ["ignore", "ignore", "inherit"],
  // prisma generate looks for a schema engine to download and does not use it.
  env: { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, CHECKPOINT_DISABLE: "1", PRISMA_HIDE_UPDATE_MESSAGE: "1" },
})
run("npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", `prisma@${version}`, `@prisma/client@${version}`)
for (const provider of ["postgresql", "mysql", "sqlite"]) {
  const models = readFileSync(new URL(provider + ".prisma", import.meta.url), "utf8")
  const output = join(dir, provider)
  const schema = output + ".prisma"
  writeFileSync(schema, models.replace(`"prisma-client-js"`, `$&\n  compilerBuild = "small"\n  output = ${JSON.stringify(output)}`))
  run("node_modules/.bin/prisma", "generate", "--schema", schema)
  const code = readFileSync(join(output, "index.js"), "utf8")
  const assignments = code.slice(code.indexOf("const config = {"), code.indexOf("config.compilerWasm"))
  const config = new Function("exports", "defineDmmfProperty", assignments + "; return config")({}, () => {})
  writeFileSync(new URL(provider + ".json", import.meta.url), JSON.stringify({ ...config, inlineSchema: models }, null, 1) + "\n")
}
rmSync(dir, { recursive: true })
