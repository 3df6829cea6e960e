package redis_test

import (
	"context"
	"log"

	goredis "github.com/redis/go-redis/v9"

	"github.com/sesame-auth/sesame/adapters/redis"
	"github.com/sesame-auth/sesame/engine"
)

func ExampleOpen() {
	adapter, err := redis.Open(context.Background(), "redis://127.0.0.1:6379", redis.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer adapter.Close()
	eng, err := engine.New(engine.Config{Adapter: adapter}) // and secrets, providers
	_, _ = eng, err
}

// A client that the application uses for other purposes too.
func ExampleNew() {
	client := goredis.NewUniversalClient(&goredis.UniversalOptions{
		Addrs:                 []string{"127.0.0.1:7000", "127.0.0.1:7001"}, // a cluster
		ContextTimeoutEnabled: true,
	})
	defer client.Close()
	adapter, err := redis.New(client, redis.Options{Prefix: "shop"})
	_, _ = adapter, err
}
