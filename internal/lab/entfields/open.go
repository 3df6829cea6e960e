package entfields

import (
	"context"
	"database/sql"

	entsql "entgo.io/ent/dialect/sql"

	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
)

// Adapter is the generated adapter with a method that closes its database.
type Adapter struct {
	*AuthAdapter
	client *Client
}

// Close implements io.Closer.
func (a *Adapter) Close() error { return a.client.Close() }

// Client returns the client under the adapter.
func (a *Adapter) Client() *Client { return a.client }

// OpenAdapter creates the tables and returns the adapter. Its fields are those
// of package extra, whatever the schema passed in says.
func OpenAdapter(ctx context.Context, dialect string, db *sql.DB, _ *schema.Schema) (store.Adapter, error) {
	client := NewClient(Driver(entsql.OpenDB(dialect, db)))
	if err := client.Schema.Create(ctx); err != nil {
		return nil, err
	}
	return &Adapter{NewAuthAdapter(client), client}, nil
}
