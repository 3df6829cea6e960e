//go:build unix

package interop_test

import (
	"context"
	"os/exec"
	"syscall"
)

// keeper runs a command in a group of processes that ends as a whole when
// standard input does.
const keeper = `exec 3<&0
"$@" </dev/null 3<&- &
pid=$!
{ read -r _ <&3; kill -KILL 0; } >/dev/null 2>&1 &
wait $pid`

// kept is a command that ends, with all that it started, when its context or its
// standard input does.
func kept(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "/bin/sh", append([]string{"-c", keeper, "sesame-interop"}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	return cmd
}
