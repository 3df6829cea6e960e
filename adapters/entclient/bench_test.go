package entclient_test

import (
	"database/sql"
	"testing"

	"entgo.io/ent/dialect"

	"github.com/sesame-auth/sesame/internal/lab/benchpair"
)

// BenchmarkSessionAndUser is [benchpair.SessionAndUser].
func BenchmarkSessionAndUser(b *testing.B) {
	milliseconds := func() any { return new(sql.NullInt64) }
	b.Run("sqlite", func(b *testing.B) { benchpair.SessionAndUser(b, dialect.SQLite, open(b), milliseconds) })
	for _, s := range servers() {
		b.Run(s.name, func(b *testing.B) {
			benchpair.SessionAndUser(b, s.dialect, s.openAt(b, s.database(b)), milliseconds)
		})
	}
}
