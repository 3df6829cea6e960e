package adaptertest

// advice explains the usual cause of a failure. Cases that fail for the same
// reason share one.
type advice struct {
	cause string
	fix   []string // by kind of store
	seen  string
}

var (
	adviceStored = &advice{"the input is returned instead of the stored row, or the INSERT or the SELECT omits a column",
		[]string{"SQL: use INSERT … RETURNING, or convert values before the INSERT; name every column", "Redis, files: encode every field of the struct, and test the round trip", "map: store a copy and return a copy of the stored row"},
		"next-auth #891, #613, #2737: fields lost on create"}
	adviceIDs = &advice{"the store or an ORM default replaces the id that the engine created",
		[]string{"SQL: include the id column in the INSERT; no DEFAULT, no AUTO_INCREMENT", "if the store must make the id: declare store.Traits.AssignsIDs and return the id it made"},
		"MySQL adapters that read the row back by an id they generated"}
	adviceUnique = &advice{"uniqueness is checked by a read before the write, or not at all, or the driver's error is returned unchanged",
		[]string{"SQL: create a UNIQUE index and turn its violation (SQLSTATE 23505, MySQL 1062, SQLITE_CONSTRAINT_UNIQUE) into &store.ConflictError{Field: …}; no upsert", "Redis: SET NX, or one Lua script for all keys of the write; never a plain SET", "map: check and insert under one lock"},
		"Upstash and Unstorage overwrite; pg has no unique key on the session token"}
	adviceAbsent = &advice{"the driver's \"no rows\" error is returned unchanged, or a nil error is returned for an absent row",
		[]string{"SQL: turn sql.ErrNoRows (or 0 rows) into store.ErrNotFound", "Redis: turn redis.Nil into store.ErrNotFound", "map: check the second result of the lookup"},
		"Kysely's update paths throw"}
	adviceExact = &advice{"the store compares strings by a collation or a pattern: letter case, trailing spaces, % and _",
		[]string{"MySQL, MariaDB: use VARBINARY keys, or utf8mb4_bin and compare the bytes again in Go (utf8mb4_bin ignores trailing spaces)", "PostgreSQL: compare text with =; no citext, no ILIKE", "SQLite: compare with = and without COLLATE NOCASE; no LIKE", "Redis, map: use the key unchanged; no ToLower, no TrimSpace"},
		"MariaDB's default collation; the Drizzle adapter on MySQL"}
	adviceKey = &advice{"the parts of a key are joined ambiguously, or one of them is ignored",
		[]string{"SQL: compare both columns in the WHERE clause; one unique key over both", "Redis, bbolt: write the length of each part before it", "map: use a struct of both parts as the key"},
		"Upstash and Unstorage: (a:b, c) equals (a, b:c)"}
	adviceUpdate = &advice{"the update writes every column from a partly filled struct, or writes nothing",
		[]string{"SQL: SET only the columns whose Change has Set", "Redis, files: read, change and write in one script or transaction", "ent: SetNillableX(nil) keeps the value; call ClearX for Change{Set: true, Value: nil}"},
		"TypeORM's undefined; better-auth's update that echoes its input"}
	adviceUnknown = &advice{"the number of affected rows is ignored or misread, or the update is written as an upsert",
		[]string{"SQL: return store.ErrNotFound for 0 affected rows (MySQL: set clientFoundRows=true, or rows whose values did not change are not counted)", "Redis: check EXISTS before HSET, in one script", "map: check that the row exists, under the lock"},
		"Upstash and Unstorage create a ghost user; go-sql-driver/mysql #641"}
	adviceMove = &advice{"the entry of the secondary index (address to user) is not moved with the row",
		[]string{"SQL: use a UNIQUE index instead of a separate lookup table", "Redis, bbolt, map: delete the old key and write the new one in the same transaction"},
		"Upstash and Unstorage: the old address keeps signing in"}
	adviceCascade = &advice{"DeleteUser leaves rows of the user behind: there is no foreign key, foreign keys are off, or an index is out of date",
		[]string{"SQL: REFERENCES … ON DELETE CASCADE, or DELETE from every table in one transaction", "SQLite: set _fk=1 in the DSN; a PRAGMA sent with Exec affects one connection of the pool only", "Redis: keep a set of session keys per user and delete them in the same script"},
		"better-auth #3882, #9162: sessions outlive their user"}
	adviceScope = &advice{"a WHERE clause is missing or too wide: rows of another user are read or changed",
		[]string{"SQL: put the whole key, and nothing but the key, in the WHERE clause", "Redis: no KEYS or SCAN pattern built from user data"},
		"better-auth #3885: other sessions removed"}
	adviceIdempotent = &advice{"deleting an absent row returns an error",
		[]string{"SQL: ignore the number of rows that a DELETE affected", "ent, Prisma: delete by a condition (Delete().Where), not with DeleteOneID", "Redis, map: deleting an absent key already succeeds; return nil"},
		"next-auth #4495, #7936: signing out twice crashes"}
	adviceConsume = &advice{"the token is read and then deleted without checking the affected rows, or only one of the two keys is compared",
		[]string{"SQL: DELETE … WHERE identifier = ? AND token = ? RETURNING, or DELETE and require RowsAffected() == 1", "Redis: GETDEL on a key made of both parts", "map: hold one lock for the lookup and the delete"},
		"better-auth #9572, next-auth #5377, the Drizzle adapter on MySQL"}
	adviceTokenRows = &advice{"there is one row per identifier instead of one per (identifier, token), or the row is overwritten",
		[]string{"SQL: PRIMARY KEY (identifier, token) and a plain INSERT", "Redis: SET NX on a key made of both parts"},
		"rallly #909; the TypeORM adapter has no unique key"}
	advicePure = &advice{"expiry is handled in the store: a read extends or hides the row, or the boundary is off",
		[]string{"return the row unchanged; the engine checks Expires and deletes", "if the store removes expired rows itself: pass adaptertest.NativeTTL()", "PurgeExpired: delete where expires < before, and return the number of deleted rows"},
		"better-auth #8376: cleanup races the read"}
	adviceOwner = &advice{"nothing prevents an account, a session or an authenticator from being created for a user that does not exist",
		[]string{"SQL: add a foreign key and turn its violation (23503, 1452, SQLITE_CONSTRAINT_FOREIGNKEY) into store.ErrNotFound", "SQLite: set _fk=1 in the DSN", "Redis: check that the user exists in the same script", "map: check that the user exists under the same lock"},
		"pg and TypeORM have no foreign keys"}
	adviceWhole = &advice{"the column is too small and the store truncates silently, or it has the wrong type",
		[]string{"SQL: TEXT for tokens, BIGINT for expires_at and counter; MySQL in strict mode", "if the column cannot be changed: declare it with adaptertest.MaxString and return store.ErrInvalid before the query"},
		"next-auth #4734, #2748, #3254: provider tokens do not fit; int4 columns"}
	adviceNull = &advice{"NULL is confused with the empty string or with zero",
		[]string{"SQL: scan into *string, *int64, *bool; write the pointer", "JSON: encode pointers; omitempty on a string or a number drops empty values"},
		""}
	adviceTime = &advice{"instants lose their milliseconds, or are read in a different time zone than they were written in",
		[]string{"PostgreSQL: use timestamptz(3), or call UTC before writing a timestamp", "MySQL: DATETIME(3), parseTime=true, loc=UTC, time_zone='+00:00'; TIMESTAMP ends in 2038 and is converted between time zones", "SQLite, Redis, files: UNIX milliseconds (UnixMilli), not nanoseconds", "everywhere: time.UnixMilli(t.UnixMilli()).UTC(), both when writing and when reading"},
		"better-auth #9920, #3475; the Drizzle adapter on MySQL stores whole seconds"}
	adviceText = &advice{"text is interpreted: by a smaller character set, by SQL built from strings, by a parser that looks for dates and numbers",
		[]string{"SQL: use placeholders only; MySQL: utf8mb4", "Redis: no JSON reviver; one type per field", "text that the store cannot hold (NUL, invalid UTF-8): return store.ErrInvalid from a write and store.ErrNotFound from a lookup"},
		"Upstash turns date-like names into dates; PostgreSQL 22021 on NUL"}
	adviceExtra = &advice{"extra fields are not stored, or undeclared ones are dropped silently",
		[]string{"SQL: one column per field of schema.Schema", "Redis, files: store a map next to the built-in fields", "return an error that matches store.ErrInvalid and names the undeclared key"},
		"next-auth #891, #8729: custom fields lost"}
	adviceCounter = &advice{"the counter is set without comparing it with the old one, or read and written in two steps",
		[]string{"SQL: UPDATE … SET counter = ? WHERE credentialID = ? AND (counter < ? OR counter = 0 AND ? = 0); for 0 affected rows, SELECT to tell store.ErrNotFound from store.ErrStaleCounter", "Redis: compare and set in one script", "map: compare and set under one lock"},
		"keycloak #49920, duo-labs/webauthn #92"}
	adviceList = &advice{"the list is truncated or filtered wrongly, or an empty list is an error",
		[]string{"SQL: WHERE userId = ? without LIMIT; return an empty list for no rows", "Redis: SSCAN until the cursor is 0, or SMEMBERS"},
		"better-auth's memory adapter lists 10"}
	adviceRace = &advice{"a read and the write that depends on it are two steps",
		[]string{"SQL: one UPDATE that sets only the changed columns, guarded by its WHERE clause; check the affected rows. A transaction alone does not help at READ COMMITTED", "Redis: one script, or WATCH and MULTI", "map: hold one lock from the read to the write"},
		"Upstash: read, merge and SET bring a deleted session back"}
	adviceLock = &advice{"goroutines share state of the adapter without a lock, or values of one call are kept in the adapter",
		[]string{"guard every map with a mutex; keep no values of a call in fields of the adapter", "run the suite under go test -race"},
		"memory adapters"}
	adviceCopy = &advice{"the adapter stores a pointer, slice or map of its caller, or returns one that it stores",
		[]string{"map: copy on the way in and on the way out, including what pointers point to"},
		"memory adapters"}
	adviceContext = &advice{"the context is not passed to the driver, or the call keeps running after the context ends",
		[]string{"SQL: pass the ctx of the call to QueryContext, ExecContext and BeginTx", "Redis: pass the ctx of the call", "map: check ctx.Err() first, and stop waiting for a lock when the context ends", "do not run the call in a goroutine that is abandoned by a select; wrap errors with %w"},
		"scs stores without CtxStore"}
	adviceFault = &advice{"every error becomes \"not found\", is only logged, or loses its identity through %v",
		[]string{"turn only the driver's \"no rows\" into store.ErrNotFound; wrap every other error with %w", "check the errors of rows.Err, Commit and Exec", "after Close: return the error of the pool, or keep a flag if the store has none"},
		"the pg adapter's getUser; the adapter of next-auth #5509"}
	adviceAtomic = &advice{"several statements run without a transaction, or the error of the commit is ignored",
		[]string{"SQL: one statement with ON DELETE CASCADE, or one transaction; return the error of Commit", "Redis: one script, or MULTI", "files: write a new file, then rename it"},
		"the pg adapter's deleteUser: three statements; better-auth #4193, next-auth #876"}
	adviceDurable = &advice{"the row is returned before its removal is durable, or writes stay in a cache",
		[]string{"SQL: commit, then return; SQLite: synchronous=FULL", "Redis: no write-behind cache"},
		"better-auth #10054"}
	adviceTx = &advice{"fn gets an adapter outside the transaction, or the transaction is not rolled back",
		[]string{"SQL: BeginTx, an adapter bound to the *sql.Tx, Rollback on error and panic, Commit otherwise", "map: run fn on a copy that replaces the original on success"},
		"better-auth #4414: nested calls on the outer handle"}
	adviceQuery = &advice{"the session and its user are read by two statements",
		[]string{"SQL: one prepared SELECT … JOIN", "Redis: one script, or one pipeline"},
		"next-auth #4605, better-auth #4201"}
	adviceMigrate = &advice{"opening the store migrates tables that are not its own, or repeats a migration",
		[]string{"use versioned SQL files and record in a table which were applied", "ent: do not run Schema.Create on tables that another application created"},
		"ent's Schema.Create moved every timestamp of an Auth.js database by five hours"}
	adviceGolden = &advice{"a column is written with a different type or text form than Auth.js uses",
		[]string{"find the storage class (typeof() in SQLite) of the rows that the npm package writes, and write the same"},
		"ent writes text into Drizzle's integer column"}
)
