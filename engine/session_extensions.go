package engine

import (
	"sync"
	"time"
)

// extensions remembers which sessions this process has just extended, so that
// concurrent reads write once.
type extensions struct {
	mu   sync.Mutex
	rows map[string]extension
}

type extension struct{ expires, at time.Time }

const (
	extendedFor   = time.Minute // longer than any read takes
	maxExtensions = 4096
)

// claim reports whether the caller must extend the session that ends at expires.
func (d *extensions) claim(token string, expires, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if last, ok := d.rows[token]; ok && last.expires.Equal(expires) && now.Sub(last.at) < extendedFor {
		return false
	}
	if d.rows == nil {
		d.rows = make(map[string]extension)
	}
	if len(d.rows) >= maxExtensions {
		for t, last := range d.rows {
			if now.Sub(last.at) >= extendedFor {
				delete(d.rows, t)
			}
		}
		if len(d.rows) >= maxExtensions {
			clear(d.rows)
		}
	}
	d.rows[token] = extension{expires, now}
	return true
}

func (d *extensions) release(token string) {
	d.mu.Lock()
	delete(d.rows, token)
	d.mu.Unlock()
}
