//go:build unix

package testdb

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a server that was started here.
type process struct {
	dir   string
	pid   int           // of the server
	stdin io.Closer     // closing it ends the server
	ended chan struct{} // closed after the end
}

const (
	pauseSignal  = syscall.SIGSTOP
	resumeSignal = syscall.SIGCONT
)

// keeper runs the server and ends it by a signal when standard input ends,
// which it does when this process ends, in whatever way. Then it removes the
// folder.
const keeper = `dir=$1 end=$2; shift 2
"$@" </dev/null >>"$dir/log" 2>&1 &
pid=$!
echo $pid
exec >/dev/null
read -r _
kill -$end $pid
wait $pid
rm -rf "$dir"`

// start runs the command that args returns for a new temporary folder, as the
// user when one is given. The signal end, such as "KILL", is to end it at once.
func start(name, end string, as *syscall.Credential, args func(dir string) []string) (*process, error) {
	dir, err := os.MkdirTemp("", "sesame-"+name+"-")
	if err != nil {
		return nil, err
	}
	if as != nil {
		if err := os.Chown(dir, int(as.Uid), int(as.Gid)); err != nil {
			return nil, err
		}
	}
	cmd := exec.Command("/bin/sh", append([]string{"-c", keeper, "sesame-" + name, dir, end}, args(dir)...)...)
	cmd.Dir = dir
	// A group of its own, so that an interrupt at the terminal ends this
	// process first and the server through it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as, Setpgid: true}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	pid, atoi := strconv.Atoi(strings.TrimSpace(line))
	if err := errors.Join(err, atoi); err != nil {
		stdin.Close()
		return nil, err
	}
	p := &process{dir: dir, pid: pid, stdin: stdin, ended: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // the status is that of rm
		close(p.ended)
	}()
	return p, nil
}

// until asks again and again until there is no error, the context ends or the
// server does.
func (p *process) until(ctx context.Context, ask func() error) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ask()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
			if syscall.Kill(p.pid, 0) == nil {
				continue
			}
			err = fmt.Errorf("the server ended: %w\n%s", err, p.log())
		case <-ctx.Done():
			err = fmt.Errorf("%w: %w\n%s", ctx.Err(), err, p.log())
		}
		return errors.Join(err, p.kill())
	}
}

// log returns the end of what the server wrote.
func (p *process) log() string {
	b, _ := os.ReadFile(filepath.Join(p.dir, "log"))
	return string(b[max(0, len(b)-2000):])
}

// kill ends the server at once and waits for its end.
func (p *process) kill() error {
	p.stdin.Close()
	select {
	case <-p.ended:
		return nil
	case <-time.After(patience):
		return fmt.Errorf("the server with process id %d does not end", p.pid)
	}
}

func (p *process) signal(s syscall.Signal) error { return syscall.Kill(p.pid, s) }

// program finds a server program, also where Debian keeps those that are not
// in the path.
func program(name string) (string, error) {
	if bin, err := exec.LookPath(name); err == nil {
		return bin, nil
	}
	for _, pattern := range []string{"/usr/sbin/", "/usr/local/sbin/", "/usr/lib/postgresql/*/bin/"} {
		found, _ := filepath.Glob(pattern + name)
		for i := len(found) - 1; i >= 0; i-- {
			if bin, err := exec.LookPath(found[i]); err == nil {
				return bin, nil
			}
		}
	}
	return "", fmt.Errorf("there is no program %s", name)
}

// freePort returns a port that nothing listens at, low enough for the second
// port of a Redis cluster, 10000 above it, to exist.
func freePort() (int, error) {
	for range 100 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return 0, err
		}
		port := l.Addr().(*net.TCPAddr).Port
		l.Close()
		if port <= 55535 {
			return port, nil
		}
	}
	return 0, errors.New("found no free port below 55536")
}

func startMySQL() (string, error) {
	install, err := program("mariadb-install-db")
	if err != nil {
		return "", err
	}
	bin, err := program("mariadbd")
	if err != nil {
		return "", err
	}
	port, err := freePort()
	if err != nil {
		return "", err
	}
	me, err := user.Current()
	if err != nil {
		return "", err
	}
	p, err := start("mariadb", "KILL", nil, func(dir string) []string {
		data := filepath.Join(dir, "data")
		return script(
			[]string{install, "--no-defaults", "--user=" + me.Username, "--datadir=" + data, "--auth-root-authentication-method=normal", "--skip-test-db"},
			[]string{bin, "--no-defaults", "--user=" + me.Username, "--datadir=" + data, "--socket=" + filepath.Join(dir, "socket"),
				"--port=" + strconv.Itoa(port), "--bind-address=127.0.0.1", "--skip-name-resolve", "--innodb-flush-log-at-trx-commit=0"},
		)
	})
	if err != nil {
		return "", err
	}
	return ready(p, mysqlWorks, fmt.Sprintf("root@tcp(127.0.0.1:%d)/", port))
}

func startPostgres() (string, error) {
	initdb, err := program("initdb")
	if err != nil {
		return "", err
	}
	bin, err := program("postgres")
	if err != nil {
		return "", err
	}
	port, err := freePort()
	if err != nil {
		return "", err
	}
	var as *syscall.Credential
	if os.Geteuid() == 0 { // whom PostgreSQL refuses
		if as, err = credential("postgres"); err != nil {
			return "", err
		}
	}
	p, err := start("postgres", "QUIT", as, func(dir string) []string {
		data := filepath.Join(dir, "data")
		return script(
			[]string{initdb, "-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "--encoding=UTF8", "--locale=C"},
			[]string{bin, "-D", data, "-p", strconv.Itoa(port), "-h", "127.0.0.1", "-k", dir, "-c", "fsync=off"},
		)
	})
	if err != nil {
		return "", err
	}
	return ready(p, postgresWorks, fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", port))
}

func credential(name string) (*syscall.Credential, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// script is a command that runs first to its end, and becomes then.
func script(first, then []string) []string {
	quote := func(args []string) string {
		var quoted []string
		for _, arg := range args {
			quoted = append(quoted, "'"+strings.ReplaceAll(arg, "'", `'\''`)+"'")
		}
		return strings.Join(quoted, " ")
	}
	return []string{"/bin/sh", "-c", quote(first) + " && exec " + quote(then)}
}

// ready waits for a new server.
func ready(p *process, works func(context.Context, string) error, address string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return address, p.until(ctx, func() error { return works(ctx, address) })
}
