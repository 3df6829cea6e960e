package sqlstore_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"testing"

	"github.com/sesame-auth/sesame/adapters/internal/sqlstore"
)

// nowhere is a server that cannot be reached.
type nowhere struct{}

func (nowhere) Connect(context.Context) (driver.Conn, error) { return nil, errors.New("nowhere") }
func (nowhere) Driver() driver.Driver                        { return nil }

// docs/deployment.md states how many connections a replica opens.
func TestConnectionsOfAReplica(t *testing.T) {
	db := sqlstore.OpenServer(nowhere{})
	defer db.Close()
	if most := db.Stats().MaxOpenConnections; most != 20 {
		t.Errorf("got at most %d connections, want 20", most)
	}
}
