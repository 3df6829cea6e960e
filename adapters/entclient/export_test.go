package entclient

import (
	"context"
	"database/sql"
)

// DB is the pool, for tests of its connections.
func (a *Adapter) DB() *sql.DB { return a.conn.DB }

// UseWAL enables the write-ahead log, as opening a file does.
func UseWAL(ctx context.Context, db *sql.DB) error { return useWAL(ctx, db) }
