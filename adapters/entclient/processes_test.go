//go:build unix

package entclient_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sesame-auth/sesame/adapters/entclient"
	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/internal/lab/adaptercalls"
)

// Some tests start other processes: this binary, with the name of one of these
// functions in childVar and the path of the database as its argument.
const childVar = "SESAME_ENTCLIENT_CHILD"

var children = map[string]func(path string) error{
	"start":          childStart(entclient.OpenSQLite),
	"start mysql":    childStart(entclient.OpenMySQL),
	"start postgres": childStart(entclient.OpenPostgres),
	"crash":          childCrash,
	"read":           childReadOnly,
}

func TestMain(m *testing.M) {
	if child, ok := children[os.Getenv(childVar)]; ok {
		if err := child(os.Args[1]); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func command(t testing.TB, child string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	// A program built with -race would otherwise sleep for a second on exit.
	cmd.Env = append(os.Environ(), childVar+"="+child, "GORACE="+os.Getenv("GORACE")+" atexit_sleep_ms=0")
	return cmd
}

// childStart reports that it is ready, waits for the end of its input, and then
// opens the database and writes to it, like a server that starts.
func childStart(open func(context.Context, string, entclient.Options) (*entclient.Adapter, error)) func(string) error {
	return func(database string) error {
		fmt.Println("ready")
		if _, err := io.ReadAll(os.Stdin); err != nil {
			return err
		}
		ctx := context.Background()
		a, err := open(ctx, database, entclient.Options{})
		if err != nil {
			return err
		}
		defer a.Close()
		for i := range 5 {
			id := fmt.Sprintf("%d-%d", os.Getpid(), i)
			if _, err := a.CreateUser(ctx, store.User{ID: id}); err != nil {
				return err
			}
			if _, err := a.CreateSession(ctx, store.Session{SessionToken: id, UserID: id}); err != nil {
				return err
			}
		}
		if _, err := a.UseVerificationToken(ctx, "a", "t"); !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("token: %v", err)
		}
		return nil
	}
}

// startFour runs four processes that open one database at the same moment.
func startFour(t *testing.T, child, database string) {
	t.Helper()
	var cmds []*exec.Cmd
	var starts []io.Closer
	var outs []*bufio.Reader
	for range 4 {
		cmd := command(t, child, database)
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		cmds, starts, outs = append(cmds, cmd), append(starts, in), append(outs, bufio.NewReader(out))
	}
	for _, out := range outs {
		if line, err := out.ReadString('\n'); line != "ready\n" {
			t.Fatalf("a child printed %q (%v)", line, err)
		}
	}
	for _, in := range starts {
		in.Close()
	}
	for i, cmd := range cmds {
		output, _ := io.ReadAll(outs[i])
		if err := cmd.Wait(); err != nil {
			t.Errorf("process %d: %v: %s", i, err, output)
		}
	}
}

func TestFourProcessesStartAtOnce(t *testing.T) {
	for round := range 25 {
		path := filepath.Join(t.TempDir(), fmt.Sprint(round, ".db"))
		startFour(t, "start", path)
		a := openAt(t, path)
		var integrity string
		if err := a.DB().QueryRowContext(t.Context(), `PRAGMA integrity_check`).Scan(&integrity); err != nil || integrity != "ok" {
			t.Fatalf("round %d: integrity %s, %v", round, integrity, err)
		}
		startedFour(t, a, "sqlite")
		a.Close()
	}
}

func TestFourProcessesStartAtOnceOnServer(t *testing.T) {
	onServers(t, func(t *testing.T, s server) {
		for range 5 {
			dsn := s.database(t)
			startFour(t, "start "+s.name, dsn)
			a := s.openAt(t, dsn)
			startedFour(t, a, s.name)
			a.Close()
		}
	})
}

// startedFour wants each migration to be recorded once, and all rows that the
// processes wrote.
func startedFour(t testing.TB, a *entclient.Adapter, dialect string) {
	t.Helper()
	ctx, client := t.Context(), a.Client()
	users, err1 := client.User.Query().Count(ctx)
	sessions, err2 := client.Session.Query().Count(ctx)
	var migrations int
	err3 := a.DB().QueryRowContext(ctx, `SELECT COUNT(*) FROM sesame_migration`).Scan(&migrations)
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	if files := migrationFiles(t, dialect); migrations != len(files) || users != 20 || sessions != 20 {
		t.Fatalf("%d migrations (want %d), %d users, %d sessions (want 20)", migrations, len(files), users, sessions)
	}
}

func migrationFiles(t testing.TB, dialect string) []string {
	t.Helper()
	files, err := filepath.Glob("migrations/" + dialect + "/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatal("no migrations found: ", err)
	}
	return files
}

// childCrash uses a token, reports it, and is killed before it can close anything.
func childCrash(path string) error {
	ctx := context.Background()
	a, err := entclient.OpenSQLite(ctx, path, entclient.Options{})
	if err != nil {
		return err
	}
	if err := adaptercalls.Populate(ctx, a); err != nil {
		return err
	}
	if _, err := a.UseVerificationToken(ctx, "a", "t1"); err != nil {
		return err
	}
	fmt.Println("used")
	return syscall.Kill(os.Getpid(), syscall.SIGKILL)
}

// fault/consume-durable
func TestUsedTokenStaysUsedAfterCrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "auth.db")
	out, err := command(t, "crash", path).Output()
	if string(out) != "used\n" {
		t.Fatalf("the child printed %q (%v)", out, err)
	}
	a := openAt(t, path)
	if _, err := a.UseVerificationToken(t.Context(), "a", "t1"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
	if _, _, err := a.GetSessionAndUser(t.Context(), "s1"); err != nil {
		t.Errorf("rows written before the crash: %v", err)
	}
}

// childReadOnly expects a file that it may not write to.
func childReadOnly(path string) error {
	ctx := context.Background()
	a, err := entclient.OpenSQLite(ctx, path, entclient.Options{})
	if err != nil {
		return err
	}
	defer a.Close()
	if _, _, err := a.GetSessionAndUser(ctx, "s1"); err != nil {
		return err
	}
	for _, c := range adaptercalls.Writes() {
		err := c.Do(ctx, a)
		if err == nil || errors.Is(err, store.ErrNotFound) || !strings.Contains(err.Error(), "needs write access") {
			return fmt.Errorf("%s: got %v, want an error that explains the problem", c.Name, err)
		}
	}
	fmt.Println("read")
	return nil
}

func TestReadOnlyFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "auth.db")
	a := openAt(t, path)
	if err := adaptercalls.Populate(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		dir  os.FileMode
		want string
	}{
		// Even for reads SQLite needs the -wal and -shm files of the database.
		{"file and folder", 0o555, "entclient: open " + path + ": attempt to write a readonly database (the process needs write access"},
		{"file", 0o777, "read\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for p, mode := range map[string]os.FileMode{path: 0o444, dir: c.dir} {
				if err := os.Chmod(p, mode); err != nil {
					t.Fatal(err)
				}
			}
			defer os.Chmod(dir, 0o755)
			cmd := command(t, "read", path)
			if os.Geteuid() == 0 { // root may write to any file
				cmd.Path = "/proc/self/exe"
				cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
			}
			out, err := cmd.CombinedOutput()
			if !strings.HasPrefix(string(out), c.want) {
				t.Fatalf("the child printed %q (%v), want %q", out, err, c.want)
			}
		})
	}
}
