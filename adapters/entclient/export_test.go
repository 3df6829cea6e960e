package entclient

import "database/sql"

// DB is the pool, for tests that look at its connections.
func (a *Adapter) DB() *sql.DB { return a.db }
