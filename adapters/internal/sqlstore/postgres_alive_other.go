//go:build !unix

package sqlstore

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// aliveIdle leaves checking idle connections to pgx.
func aliveIdle(context.Context, *pgx.Conn) error { return nil }
