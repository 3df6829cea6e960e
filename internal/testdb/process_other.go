//go:build !unix

package testdb

import (
	"context"
	"errors"
)

// Servers are started on Unix only; elsewhere they must be running.
type process struct{ dir string }

const pauseSignal, resumeSignal = 0, 0

var errNotHere = errors.New("servers are not started on this system")

func start(string, string, any, func(string) []string) (*process, error) { return nil, errNotHere }
func (*process) until(context.Context, func() error) error               { return errNotHere }
func (*process) kill() error                                             { return errNotHere }
func (*process) signal(int) error                                        { return errNotHere }
func program(string) (string, error)                                     { return "", errNotHere }
func freePort() (int, error)                                             { return 0, errNotHere }
func startMySQL() (string, error)                                        { return "", errNotHere }
func startPostgres() (string, error)                                     { return "", errNotHere }
