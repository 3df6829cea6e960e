package engine_test

import (
	"math/rand/v2"
	"sync"
)

// dice is a source of random bytes that are the same in every run.
type dice struct {
	mu  sync.Mutex
	src *rand.ChaCha8
}

func newDice(seed byte) *dice { return &dice{src: rand.NewChaCha8([32]byte{seed})} }

func (d *dice) Read(b []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.src.Read(b)
}
