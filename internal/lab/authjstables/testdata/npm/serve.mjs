// Opens one of Auth.js's SQL adapters on a database and serves calls of it over
// standard input and output, a line of JSON each:
//
//   {"package": "drizzle", "dialect": "postgres", "database": {"host": …}}   once
//   {"method": "getUser", "args": ["1"]}    {"result": {"id": "1", …}} or {"error": "…"}
//
// A Date is {"$date": "2026-11-25T18:47:11.123Z"} in both directions.
import { readFileSync } from "node:fs"
import { createInterface } from "node:readline"

// How each package is opened, as its own documentation shows. $account is not of
// the packages: most of them write an account and never read it, so it is read
// with the client they stand on.
const open = {
  drizzle: {
    async postgres(database) {
      const { drizzle } = await import("drizzle-orm/node-postgres")
      return drizzleAdapter(drizzle(await pool(database)))
    },
    async mysql({ sessionZone, ...database }) {
      const { drizzle } = await import("drizzle-orm/mysql2")
      const { createPool } = await import("mysql2/promise")
      const connections = createPool(database)
      // Queued on the connection before whatever it is taken for.
      if (sessionZone) connections.pool.on("connection", (c) => c.query("SET time_zone = ?", [sessionZone]))
      return drizzleAdapter(drizzle(connections))
    },
    async sqlite3({ file }) {
      const { drizzle } = await import("drizzle-orm/libsql")
      return drizzleAdapter(drizzle({ connection: { url: "file:" + file } }))
    },
  },
  kysely: {
    async postgres(database) {
      const { PostgresDialect } = await import("kysely")
      return kyselyAdapter(new PostgresDialect({ pool: await pool(database) }))
    },
    async mysql(database) {
      const { MysqlDialect } = await import("kysely")
      const { createPool } = await import("mysql2")
      return kyselyAdapter(new MysqlDialect({ pool: createPool(database) }))
    },
    async sqlite3({ file }) {
      const { SqliteDialect } = await import("kysely")
      return kyselyAdapter(new SqliteDialect({ database: await sqlite(file) }))
    },
  },
  pg: {
    async postgres(database) {
      const { default: PostgresAdapter } = await import("@auth/pg-adapter")
      const client = await pool(database)
      return {
        ...PostgresAdapter(client),
        async $account(providerAccountId, provider) {
          const { rows } = await client.query(
            `select * from accounts where provider = $1 and "providerAccountId" = $2`, [provider, providerAccountId])
          return rows[0] && numbered(rows[0])
        },
      }
    },
  },
  typeorm: {
    postgres: ({ user, ...rest }) => typeORMAdapter({ type: "postgres", username: user, ...rest, synchronize: false }),
    mysql: ({ user, ...rest }) => typeORMAdapter({ type: "mysql", username: user, ...rest }),
    async sqlite3({ file }) {
      const { default: driver } = await import("libsql")
      return typeORMAdapter({ type: "better-sqlite3", driver, database: file })
    },
  },
  prisma: {
    async postgres(database) {
      const { PrismaPg } = await import("@prisma/adapter-pg")
      return prismaAdapter("postgresql", new PrismaPg(database))
    },
    async mysql(database) {
      const { PrismaMariaDb } = await import("@prisma/adapter-mariadb")
      return prismaAdapter("mysql", new PrismaMariaDb(database))
    },
    async sqlite3({ file, timestampFormat }) {
      const { PrismaLibSql } = await import("@prisma/adapter-libsql")
      return prismaAdapter("sqlite", new PrismaLibSql({ url: "file:" + file }, { timestampFormat }))
    },
  },
}

async function pool(database) {
  const { default: pg } = await import("pg")
  return new pg.Pool(database)
}

// sqlite opens a file with libsql, which has the interface of better-sqlite3
// and, unlike it, needs no compiler.
async function sqlite(file) {
  const { default: Database } = await import("libsql")
  const db = new Database(file)
  db.pragma("foreign_keys = on")
  return db
}

async function drizzleAdapter(db) {
  const { DrizzleAdapter } = await import("@auth/drizzle-adapter")
  const adapter = DrizzleAdapter(db)
  return { ...adapter, $account: adapter.getAccount }
}

async function kyselyAdapter(dialect) {
  const { KyselyAdapter, KyselyAuth } = await import("@auth/kysely-adapter")
  const db = new KyselyAuth({ dialect })
  return {
    ...KyselyAdapter(db),
    async $account(providerAccountId, provider) {
      const account = await db.selectFrom("Account").selectAll()
        .where("provider", "=", provider).where("providerAccountId", "=", providerAccountId).executeTakeFirst()
      return account && numbered(account)
    },
  }
}

async function typeORMAdapter(dataSource) {
  const { TypeORMAdapter, getManager, entities } = await import("@auth/typeorm-adapter")
  const adapter = TypeORMAdapter(dataSource)
  const manager = await getManager({ dataSource, entities })
  return {
    ...adapter,
    $account: (providerAccountId, provider) => manager.findOne(entities.AccountEntity, { where: { provider, providerAccountId } }),
  }
}

// prismaAdapter makes the client as the code does that `prisma generate` writes.
async function prismaAdapter(provider, adapter) {
  const { PrismaAdapter } = await import("@auth/prisma-adapter")
  const { default: runtime } = await import("@prisma/client/runtime/client.js")
  const compiler = `@prisma/client/runtime/query_compiler_small_bg.${provider}`
  const PrismaClient = runtime.getPrismaClient({
    ...JSON.parse(readFileSync(new URL(`prisma/${provider}.json`, import.meta.url), "utf8")),
    compilerWasm: {
      getRuntime: async () => (await import(`${compiler}.js`)).default,
      getQueryCompilerWasmModule: async () =>
        new WebAssembly.Module(Buffer.from((await import(`${compiler}.wasm-base64.js`)).default.wasm, "base64")),
      importName: "./query_compiler_small_bg.js",
    },
  })
  const own = PrismaAdapter(new PrismaClient({ adapter }))
  return { ...own, $account: own.getAccount }
}

// numbered reads the bigint that node-postgres hands out as text.
function numbered(account) {
  return { ...account, expires_at: account.expires_at === null ? null : Number(account.expires_at) }
}

const encode = value => JSON.stringify(value, function (key, v) {
  if (this[key] instanceof Date) return { $date: v } // toJSON has been there already
  return typeof v === "bigint" ? Number(v) : v
})
const decode = line => JSON.parse(line, (_, v) => (v?.$date ? new Date(v.$date) : v))

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const { package: name, dialect, database } = decode((await lines.next()).value)
const answer = async work => {
  try {
    return encode({ result: (await work()) ?? null })
  } catch (e) {
    return encode({ error: String(e?.stack ?? e) })
  }
}

let adapter
console.log(await answer(async () => { adapter = await open[name][dialect](database) }))
for await (const line of lines) {
  const { method, args } = decode(line)
  console.log(await answer(() => {
    if (!adapter[method]) throw new Error(`the adapter has no ${method}`)
    return adapter[method](...args)
  }))
}
process.exit()
