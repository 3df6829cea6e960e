// Prints, as one JSON object, the statements that make the tables of each
// layout, as the packages themselves write them:
//
//   node ddl.mjs POSTGRES_URL MYSQL_URL
//
// The databases are looked at, not changed, and must be empty: TypeORM and
// Prisma print what is missing in them.
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import libsql from "libsql"
import { DataSource } from "typeorm"
import { entities } from "@auth/typeorm-adapter"
import { PrismaLibSql } from "@prisma/adapter-libsql"
import { PrismaPg } from "@prisma/adapter-pg"
import { bindMigrationAwareSqlAdapterFactory } from "@prisma/driver-adapter-utils"
import * as schemaEngine from "@prisma/schema-engine-wasm/schema_engine_bg"

const require = createRequire(import.meta.url)
const [postgres, mysql] = process.argv.slice(2)
const layouts = {}

// drizzle-kit's migration of the adapter's own default tables.
const kit = require("drizzle-kit/api")
for (const [name, file, json, migration] of [
  ["drizzle-postgres", "pg", kit.generateDrizzleJson, kit.generateMigration],
  ["drizzle-mysql", "mysql", kit.generateMySQLDrizzleJson, kit.generateMySQLMigration],
  ["drizzle-sqlite", "sqlite", kit.generateSQLiteDrizzleJson, kit.generateSQLiteMigration],
]) {
  const { defineTables } = await import(new URL(`lib/${file}.js`, import.meta.resolve("@auth/drizzle-adapter")))
  layouts[name] = await migration(await json({}), await json(defineTables()))
}

// What synchronize would run for the adapter's own entities. The extension is
// made when TypeORM connects.
for (const [name, options] of [
  ["typeorm-postgres", { type: "postgres", url: postgres, installExtensions: false }],
  ["typeorm-mysql", { type: "mysql", url: mysql }],
  ["typeorm-mariadb", { type: "mariadb", url: mysql }],
]) {
  const source = await new DataSource({ ...options, entities: Object.values(entities) }).initialize()
  const { upQueries } = await source.driver.createSchemaBuilder().log()
  layouts[name] = upQueries.map(q => q.query)
  await source.destroy()
}
layouts["typeorm-postgres"].unshift(`CREATE EXTENSION IF NOT EXISTS "uuid-ossp"`)

// On SQLite TypeORM makes tables twice over, so what it leaves is printed.
const file = await new DataSource({
  type: "better-sqlite3", driver: libsql, database: ":memory:", synchronize: true, entities: Object.values(entities),
}).initialize()
layouts["typeorm-sqlite"] = (await file.query(`SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name = 'users' DESC, name`)).map(r => r.sql)
await file.destroy()

// Prisma's schema engine, as WebAssembly, on the models of authjs.dev. It comes
// without MySQL there.
const wasm = new WebAssembly.Module(readFileSync(new URL("schema_engine_bg.wasm", import.meta.resolve("@prisma/schema-engine-wasm"))))
const { exports } = new WebAssembly.Instance(wasm, { "./schema_engine_bg.js": schemaEngine })
globalThis.PRISMA_WASM_PANIC_REGISTRY = { set_message: message => console.error(message) }
schemaEngine.__wbg_set_wasm(exports)
exports.__wbindgen_start()
for (const [name, provider, adapter] of [
  ["prisma-postgres", "postgresql", new PrismaPg({ connectionString: postgres })],
  ["prisma-sqlite", "sqlite", new PrismaLibSql({ url: ":memory:" })],
]) {
  const models = { path: provider + ".prisma", content: readFileSync(new URL(`prisma/${provider}.prisma`, import.meta.url), "utf8") }
  const engine = await schemaEngine.SchemaEngine.new(
    { datamodels: [[models.path, models.content]] }, () => {}, bindMigrationAwareSqlAdapterFactory(adapter))
  const { stdout } = await engine.diff({
    from: { tag: "empty" }, to: { tag: "schemaDatamodel", files: [models] }, script: true,
    shadowDatabaseUrl: null, exitCode: null, filters: { externalTables: [], externalEnums: [] },
  })
  layouts[name] = stdout.replace(/^--.*\n/gm, "").split(/;\n/).filter(s => s.trim() && !s.includes("CREATE SCHEMA"))
}

for (const name in layouts) layouts[name] = layouts[name].map(s => s.trim().replace(/;$/, "") + ";\n").join("\n")
console.log(JSON.stringify(layouts))
process.exit()
