package redis_test

import (
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/sesame-auth/sesame/adapters/redis"
	"github.com/sesame-auth/sesame/engine/store"
)

// BenchmarkSessionAndUser reads a session with its user, and for comparison both
// hashes in one pipeline, by a caller who already knows the user.
func BenchmarkSessionAndUser(b *testing.B) {
	ctx := b.Context()
	a, c, prefix := fresh(b, redis.Options{})
	verified := time.Now()
	_, err := a.CreateUser(ctx, store.User{ID: "u1", Name: ptr("Name"), Email: ptr("a@example.com"), EmailVerified: &verified, Image: ptr("https://example.com/a.png")})
	if err != nil {
		b.Fatal(err)
	}
	session(b, a, "s1", "u1", time.Now().Add(time.Hour))
	b.Run("adapter", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, u, err := a.GetSessionAndUser(ctx, "s1"); err != nil || u.ID != "u1" {
				b.Fatal(err)
			}
		}
	})
	b.Run("pipelined-HGETALL", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var user *goredis.MapStringStringCmd
			_, err := c.Pipelined(ctx, func(p goredis.Pipeliner) error {
				p.HGetAll(ctx, "{"+prefix+"}:session:s1")
				user = p.HGetAll(ctx, "{"+prefix+"}:user:u1")
				return nil
			})
			if err != nil || user.Val()["id"] != "u1" {
				b.Fatal(err)
			}
		}
	})
}
