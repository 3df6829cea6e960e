package adaptertest

// advice is what a failure says about its usual cause. Cases that fail for the
// same reason share one.
type advice struct {
	cause string
	fix   []string // per kind of store
	seen  string
}

var (
	adviceStored = &advice{"the input is returned instead of what was stored, or a column is missing in the INSERT or the SELECT",
		[]string{"SQL: INSERT … RETURNING, or cut and convert before the INSERT and name every column", "Redis, files: encode every field of the struct, and a round trip as a unit test", "map: store and return the same copy"},
		"next-auth #891, #613, #2737: fields lost on create"}
	adviceIDs = &advice{"the store or an ORM default replaces the id of the engine",
		[]string{"SQL: write the id column in the INSERT; no DEFAULT, no AUTO_INCREMENT", "if the store must make the id: declare store.Traits.AssignsIDs and return the id that was made"},
		"MySQL adapters that read the row again by an id they generated"}
	adviceUnique = &advice{"uniqueness is checked by a read before the write, or by nothing, or the driver's error is passed on as it is",
		[]string{"SQL: a UNIQUE index, and its violation (SQLSTATE 23505, MySQL 1062, SQLITE_CONSTRAINT_UNIQUE) becomes &store.ConflictError{Field: …}; no upsert", "Redis: SET NX, or one Lua script for all keys of the write; never a plain SET", "map: look and insert under one lock"},
		"Upstash and Unstorage overwrite; pg has no unique key on the session token"}
	adviceAbsent = &advice{"the driver's \"no rows\" is passed on, or nil is returned for an absent row",
		[]string{"SQL: sql.ErrNoRows (or 0 rows) becomes store.ErrNotFound", "Redis: redis.Nil becomes store.ErrNotFound", "map: the second result of the lookup decides"},
		"Kysely's update paths throw"}
	adviceExact = &advice{"the store compares strings by a collation or a pattern: letter case, trailing blanks, % and _",
		[]string{"MySQL, MariaDB: VARBINARY keys, or utf8mb4_bin and a comparison of the bytes in Go (it ignores trailing blanks)", "PostgreSQL: text with =, not citext, not ILIKE", "SQLite: = without COLLATE NOCASE, never LIKE", "Redis, map: the key as it is; no ToLower, no TrimSpace"},
		"MariaDB's default collation; the Drizzle adapter on MySQL"}
	adviceKey = &advice{"the parts of a key are joined, or one of them is not looked at",
		[]string{"SQL: WHERE with both columns; a key over both", "Redis, bbolt: write the length of each part before it", "map: a struct of both as the key"},
		"Upstash and Unstorage: (a:b, c) is (a, b:c)"}
	adviceUpdate = &advice{"the UPDATE writes every column from a struct that is only partly filled, or none of them",
		[]string{"SQL: SET the columns whose Change has Set, and no others", "Redis, files: read, change and write in one script or transaction", "ent: SetNillableX(nil) keeps the value; call ClearX for Change{Set: true, Value: nil}"},
		"TypeORM's undefined; better-auth's update that echoes its input"}
	adviceUnknown = &advice{"the number of rows is not looked at, or an update is written as an upsert",
		[]string{"SQL: 0 affected rows is store.ErrNotFound (MySQL: with clientFoundRows=true, or an equal value counts as 0)", "Redis: HSET only IF EXISTS, in one script", "map: look first, under the lock"},
		"Upstash and Unstorage create a ghost user; go-sql-driver/mysql #641"}
	adviceMove = &advice{"the entry of the secondary index (address to user) is not moved with the row",
		[]string{"SQL: a UNIQUE index instead of a table of your own", "Redis, bbolt, map: delete the old key and write the new one in the same transaction"},
		"Upstash and Unstorage: the old address keeps signing in"}
	adviceCascade = &advice{"DeleteUser leaves rows of the user behind: no foreign key, foreign keys switched off, or an index that is not kept",
		[]string{"SQL: REFERENCES … ON DELETE CASCADE, or one transaction of DELETEs", "SQLite: _fk=1 in the DSN; PRAGMA by Exec reaches one connection only", "Redis: a set of session keys per user, deleted in the same script"},
		"better-auth #3882, #9162: sessions outlive their user"}
	adviceScope = &advice{"a WHERE is missing or too wide: rows of somebody else are read or changed",
		[]string{"SQL: both the key and nothing but the key in WHERE", "Redis: no KEYS or SCAN pattern made of user data"},
		"better-auth #3885: other sessions removed"}
	adviceIdempotent = &advice{"the delete of an absent row is an error",
		[]string{"SQL: ignore the number of affected rows of a DELETE", "ent, Prisma: delete by a condition (Delete().Where), not DeleteOneID", "Redis, map: nothing to do"},
		"next-auth #4495, #7936: signing out twice crashes"}
	adviceConsume = &advice{"read, then delete without looking at the affected rows; or only one of the two keys decides",
		[]string{"SQL: DELETE … WHERE identifier = ? AND token = ? RETURNING, or DELETE and require RowsAffected() == 1", "Redis: GETDEL, the key made of both parts", "map: one lock around both"},
		"better-auth #9572, next-auth #5377, the Drizzle adapter on MySQL"}
	adviceTokenRows = &advice{"one row per address instead of one per (identifier, token), or the row is overwritten",
		[]string{"SQL: PRIMARY KEY (identifier, token), a plain INSERT", "Redis: a key of both parts, SET NX"},
		"rallly #909; the TypeORM adapter has no unique key"}
	advicePure = &advice{"a read changes or judges the row: sliding expiry, or an expired row is hidden",
		[]string{"return the row as it is; the engine compares expires and deletes", "a store with a TTL of its own: adaptertest.NativeTTL()"},
		"better-auth #8376: cleanup races the read"}
	adviceOwner = &advice{"nothing keeps an account, a session or an authenticator from being made for a user that does not exist",
		[]string{"SQL: a foreign key; its violation (23503, 1452, SQLITE_CONSTRAINT_FOREIGNKEY) becomes store.ErrNotFound", "SQLite: _fk=1 in the DSN", "Redis: look for the user in the same script", "map: look under the same lock"},
		"pg and TypeORM have no foreign keys"}
	adviceWhole = &advice{"the column is too small and the store cuts without an error, or has another type",
		[]string{"SQL: TEXT for tokens, BIGINT for expires_at and counter; MySQL in strict mode", "declare what cannot be changed by adaptertest.MaxString and return store.ErrInvalid before the query"},
		"next-auth #4734, #2748, #3254: provider tokens do not fit; int4 columns"}
	adviceNull = &advice{"NULL and the empty string, or NULL and zero, are taken for one another",
		[]string{"SQL: scan into *string, *int64, *bool; write the pointer", "JSON: no omitempty on pointers to empty values"},
		""}
	adviceTime = &advice{"instants lose milliseconds or are read in another time zone than written",
		[]string{"PostgreSQL: timestamptz(3), or .UTC() before writing a timestamp", "MySQL: DATETIME(3), parseTime=true, loc=UTC, time_zone='+00:00'; TIMESTAMP ends in 2038 and shifts", "SQLite, Redis, files: UNIX milliseconds (UnixMilli), not nanoseconds", "always: time.UnixMilli(t.UnixMilli()).UTC() on the way in and out"},
		"better-auth #9920, #3475; the Drizzle adapter on MySQL stores whole seconds"}
	adviceText = &advice{"text is interpreted: a smaller character set, SQL put together from strings, a parser that looks for dates and numbers",
		[]string{"SQL: placeholders only; MySQL: utf8mb4", "Redis: no JSON reviver; one type per field", "refuse what the store cannot hold (NUL, invalid UTF-8) with store.ErrInvalid; a lookup with it is store.ErrNotFound"},
		"Upstash turns date-looking names into dates; PostgreSQL 22021 on NUL"}
	adviceExtra = &advice{"extra fields have no place in the store, or undeclared ones are dropped in silence",
		[]string{"SQL: one column per field of schema.Schema", "Redis, files: a map beside the built-in fields", "an undeclared key is store.ErrInvalid and its text names the key"},
		"next-auth #891, #8729: custom fields lost"}
	adviceCounter = &advice{"the counter is set without looking at the old one, or read and written in two steps",
		[]string{"SQL: UPDATE … SET counter = ? WHERE credentialID = ? AND (counter < ? OR counter = 0 AND ? = 0); 0 rows: unknown or store.ErrStaleCounter", "Redis: one script", "map: compare and set under one lock"},
		"keycloak #49920, duo-labs/webauthn #92"}
	adviceList = &advice{"the list is cut, filtered wrongly, or an empty one is an error",
		[]string{"SQL: WHERE userId = ?, no LIMIT; no rows are an empty list", "Redis: SSCAN to its end, or SMEMBERS"},
		"better-auth's memory adapter lists 10"}
	adviceRace = &advice{"a read and the write that depends on it are two steps",
		[]string{"SQL: one guarded UPDATE that names the columns, and the affected rows; a transaction alone does not help at READ COMMITTED", "Redis: one script, or WATCH and MULTI", "map: one lock from the read to the write"},
		"Upstash: a session comes back by read, merge, SET"}
	adviceLock = &advice{"state of the adapter is used by several goroutines without a lock, or something of one caller is kept in the adapter",
		[]string{"a mutex around every map; no fields that hold the current call's values", "run the suite under go test -race"},
		"memory adapters"}
	adviceCopy = &advice{"a pointer, slice or map of the caller is stored, or the stored one is handed out",
		[]string{"map: copy in and copy out, pointers too"},
		"memory adapters"}
	adviceContext = &advice{"the context is not passed to the driver, or the call is left running when the context ends",
		[]string{"SQL: QueryContext, ExecContext, BeginTx with the ctx of the call", "Redis: the ctx of the call", "no goroutine and select around a call; a map: look at ctx.Err() first, and wait for locks with the context", "errors: %w"},
		"scs stores without CtxStore"}
	adviceFault = &advice{"every error becomes \"not found\", is only logged, or loses its identity by %v",
		[]string{"only the driver's \"no rows\" is store.ErrNotFound; everything else goes up by %w", "check the error of rows.Err(), Commit and Exec", "after Close: the error of the pool; a flag in a store of your own"},
		"the pg adapter's getUser; the adapter of next-auth #5509"}
	adviceAtomic = &advice{"several statements without a transaction, or a commit whose error is not looked at",
		[]string{"SQL: one statement with ON DELETE CASCADE, or one transaction; return the error of Commit", "Redis: one script or MULTI", "files: write to a new file and rename"},
		"the pg adapter's deleteUser: three statements; better-auth #4193, next-auth #876"}
	adviceDurable = &advice{"the row is handed out before its removal is stored for good, or writes stay in a cache",
		[]string{"SQL: commit first, then return; SQLite: synchronous=FULL", "Redis: no write-behind"},
		"better-auth #10054"}
	adviceTx = &advice{"fn gets the adapter outside of the transaction, or the transaction is not rolled back",
		[]string{"SQL: BeginTx, an adapter bound to the *sql.Tx, Rollback on error and panic, Commit otherwise", "map: fn works on a copy that replaces the original"},
		"better-auth #4414: nested calls on the outer handle"}
	adviceQuery = &advice{"session and user are read by two statements",
		[]string{"SQL: one prepared SELECT … JOIN", "Redis: one script, or one pipeline"},
		"next-auth #4605, better-auth #4201"}
	adviceMigrate = &advice{"opening migrates more than the tables of its own, or does it again",
		[]string{"versioned SQL files with a table of what was applied", "ent: no Schema.Create on tables that others made"},
		"ent's Schema.Create moved every timestamp of an Auth.js database by five hours"}
	adviceGolden = &advice{"the same column is written in another type or text than Auth.js does",
		[]string{"look at the storage class (typeof() in SQLite) of what the npm package writes, and write that"},
		"ent writes text into Drizzle's integer column"}
)
