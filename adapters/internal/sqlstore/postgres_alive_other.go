//go:build !unix

package sqlstore

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// aliveIdle leaves it to pgx to look at idle connections.
func aliveIdle(context.Context, *pgx.Conn) error { return nil }
