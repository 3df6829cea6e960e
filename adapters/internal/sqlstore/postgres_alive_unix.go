//go:build unix

package sqlstore

import (
	"context"
	"crypto/tls"
	"database/sql/driver"
	"syscall"

	"github.com/jackc/pgx/v5"
)

// aliveIdle refuses an idle connection that the server has closed, or on which
// unsolicited data waits, which announces that. pgx itself checks only connections
// that were idle for a second; a statement on another one would fail although the
// server is back. aliveIdle neither sends nor waits: after a slow write pgx may
// have left a read running, and another read would have to wait for it.
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
		return nil // open, with nothing to read
	}
	return driver.ErrBadConn
}
