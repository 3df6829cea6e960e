package entclient

import (
	"context"
	"database/sql"
)

// DB is the pool, for tests that look at its connections.
func (a *Adapter) DB() *sql.DB { return a.conn.DB }

// UseWAL is what opening does once per file.
func UseWAL(ctx context.Context, db *sql.DB) error { return useWAL(ctx, db) }
