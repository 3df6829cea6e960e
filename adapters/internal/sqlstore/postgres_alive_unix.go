//go:build unix

package sqlstore

import (
	"context"
	"crypto/tls"
	"database/sql/driver"
	"syscall"

	"github.com/jackc/pgx/v5"
)

// aliveIdle refuses an idle connection that the server has ended, or on which
// it has said something nobody asked for, which is how it ends. pgx itself looks
// only at connections that were idle for a second; a statement on another one
// would fail although the server is there again. Nothing is sent, and nothing
// waited for: pgx may have left a read under way after a slow write, which a read
// of our own would queue up behind.
func aliveIdle(_ context.Context, conn *pgx.Conn) error {
	c := conn.PgConn().Conn()
	if secure, ok := c.(*tls.Conn); ok {
		c = secure.NetConn()
	}
	s, ok := c.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return driver.ErrBadConn
	}
	var peeked error
	err = raw.Control(func(fd uintptr) {
		var b [1]byte
		_, _, peeked = syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK) // sockets of Go do not block
	})
	if err == nil && (peeked == syscall.EAGAIN || peeked == syscall.EWOULDBLOCK) {
		return nil // open, and silent
	}
	return driver.ErrBadConn
}
