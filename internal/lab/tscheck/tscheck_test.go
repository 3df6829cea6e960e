package tscheck

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/gen/authtypes"
	"github.com/sesame-auth/sesame/gen/authtypes/authtypestest"
	"github.com/sesame-auth/sesame/internal/lab/npm"
)

const (
	web          = "testdata/web"
	declarations = "../../../gen/next-auth.d.ts"
)

// project makes a folder whose node_modules has one version of next-auth under
// its own name, as an isolated layout (pnpm's) has it: by symbolic links.
func project(t *testing.T, installed, version string) string {
	t.Helper()
	dir := t.TempDir()
	modules := filepath.Join(dir, "node_modules")
	if err := os.MkdirAll(filepath.Join(modules, "@types"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"next-auth": "next-auth-" + version, "@types/react": "@types/react", "@types/node": "@types/node"} {
		if err := os.Symlink(filepath.Join(installed, "node_modules", target), filepath.Join(modules, name)); err != nil {
			t.Fatal(err)
		}
	}
	write(t, dir, "tsconfig.json", `{"compilerOptions": {"strict": true, "noEmit": true, "skipLibCheck": true, "target": "es2022", "module": "esnext",
		"moduleResolution": "bundler", "jsx": "react-jsx", "lib": ["es2022", "dom"], "types": ["react"]}, "include": ["*.ts", "*.tsx"]}`)
	return dir
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// tsc returns what the compiler says, by file.
func tsc(t *testing.T, installed, dir string) map[string]string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "node", filepath.Join(installed, "node_modules", "typescript", "lib", "tsc.js"), "--pretty", "false", "-p", ".")
	cmd.Dir, cmd.WaitDelay = dir, 5*time.Second
	out, err := cmd.CombinedOutput()
	if err != nil && len(out) == 0 {
		t.Fatal(err)
	}
	output := map[string]string{}
	last := ""
	for line := range strings.Lines(string(out)) {
		if name, _, ok := strings.Cut(line, "("); ok && !strings.HasPrefix(line, " ") {
			last = name
		}
		output[last] += line
	}
	return output
}

const head = `import { useSession } from "next-auth/react"
import type { Session } from "next-auth"
import type { JWT } from "next-auth/jwt"
import type { Role, Plan, Theme, Address, SessionUpdate } from "./next-auth"
export type Used = [Session, JWT, Role, Plan, Theme, Address, SessionUpdate]
`

const right = head + `
export function Badge() {
  const { data: session, status, update } = useSession()
  if (status !== "authenticated") return null
  const role: Role = session.user.role
  const id: string = session.user.id
  const name: string | null | undefined = session.user.name
  const org: string | null = session.user.orgId
  const ends: Date | null = session.user.trialEndsAt === null ? null : new Date(session.user.trialEndsAt)
  const teams: Role[] = session.user.teams
  const city: string | undefined = session.user.address?.city
  const lat: number | undefined = session.user.offices[0]?.geo?.lat
  const theme: Theme = session.theme
  const plan: Plan = session.plan
  const seats: number | null = session.seatsLeft
  const change = () => update({ theme: "dark", locale: "de", name: null } satisfies SessionUpdate)
  return (
    <button onClick={change} title={session.expires}>
      {role === "admin" ? "may do all" : "may look"} {id} {name} {org} {String(ends)} {teams.join()} {city} {lat} {theme} {plan} {seats}
    </button>
  )
}
export function claims(token: JWT): [Role | undefined, string | null | undefined, number | null | undefined] {
  return [token.role, token.tenantKey, token.riskLevel]
}
`

// use puts statements where session is that of somebody signed in.
func use(code string) string {
	return head + "export function F() {\n  const { data: session, update } = useSession({ required: true })\n  if (!session) return null\n  void update\n  " + code + "\n  return null\n}\n"
}

func wrong(body string) map[string]string {
	return map[string]string{
		"enum":           use(`if (session.user.role === "owner") return null`),
		"number":         use(`const n: number = session.user.role; void n`),
		"hidden":         use(`void session.user.stripeCustomerId`),
		"hidden2":        use(`void session.user.loginCount`),
		"token":          use(`void session.tenantKey`),
		"hiddenSession":  use(`void session.impersonatedBy`),
		"computed":       use(`if (session.plan === "gold") return null`),
		"nullable":       use(`void session.user.orgId.length`),
		"date":           use(`void session.user.trialEndsAt?.getTime()`),
		"list":           use(`void session.user.permissions.role`),
		"member":         use(`void session.user.address?.planet`),
		"updateRole":     use(`void update({ role: "admin" } satisfies SessionUpdate)`),
		"updateValue":    use(`void update({ theme: "pink" } satisfies SessionUpdate)`),
		"updateNull":     use(`void update({ locale: null } satisfies SessionUpdate)`),
		"claim":          head + `export const token: JWT = { role: 3 }`,
		"body":           head + "export const session = " + strings.Replace(body, `"editor"`, `"owner"`, 1) + " satisfies Session",
		"missingMember":  head + "export const session = " + strings.Replace(body, `"theme":"dark",`, "", 1) + " satisfies Session",
		"undeclaredType": head + `import type { Owner } from "./next-auth"; export type X = Owner`,
	}
}

// What an application on v5 and v4 configures beside the Go server.
var servers = map[string]struct{ right, wrong string }{
	"v5": {
		`import NextAuth from "next-auth"
export const { handlers, auth } = NextAuth({
  providers: [{ id: "x", name: "X", type: "oidc", profile: () => ({ id: "1", role: "editor" as const }) }],
  callbacks: { jwt({ token, user }) { if (user?.role) token.role = user.role; return token }, session({ session }) { session.user.role = "member"; return session } },
})
`,
		`import NextAuth from "next-auth"
export const { handlers, auth } = NextAuth({ providers: [], callbacks: { session({ session }) { session.user.role = "owner"; return session } } })
`,
	},
	"v4": {
		`import type { NextAuthOptions } from "next-auth"
export const options: NextAuthOptions = {
  providers: [],
  callbacks: { jwt({ token, user }) { if (user?.role) token.role = user.role; return token }, session({ session }) { session.user.role = "member"; return session } },
}
`,
		`import type { NextAuthOptions } from "next-auth"
export const options: NextAuthOptions = { providers: [], callbacks: { session({ session }) { session.user.role = "owner"; return session } } }
`,
	},
}

func TestTypeScript(t *testing.T) {
	installed := npm.Install(t, web)
	types, err := os.ReadFile(declarations)
	if err != nil {
		t.Fatal(err)
	}
	s := authtypestest.Session(func(s *authtypes.Session) {
		s.User.Name, s.User.Role, s.User.OrgID, s.Theme = new("Ann"), authtypes.RoleEditor, new("acme"), authtypes.ThemeDark
		s.User.Teams, s.User.TrialEndsAt = []authtypes.Role{authtypes.RoleAdmin}, new(s.Expires)
		s.User.Address, s.SeatsLeft = &authtypes.Address{City: "Köln", Geo: &authtypes.Geo{Lat: 50.9}}, new(int64(3))
	})
	body := string(s.AppendJSON(nil))
	for _, version := range []string{"v4", "v5"} {
		// As a .d.ts, as people use it; and as a .ts, because skipLibCheck, which
		// everybody needs, hides what is wrong inside a .d.ts.
		for _, as := range []string{"next-auth.d.ts", "next-auth.ts"} {
			t.Run(version+" "+as, func(t *testing.T) {
				dir := project(t, installed, version)
				write(t, dir, as, string(types))
				write(t, dir, "right.tsx", right)
				write(t, dir, "body.ts", head+"export const session = "+body+" satisfies Session\n")
				write(t, dir, "server.ts", servers[version].right)
				cases := wrong(body)
				cases["server"] = servers[version].wrong
				for name, code := range cases {
					write(t, dir, "wrong_"+name+".tsx", code)
				}
				output := tsc(t, installed, dir)
				for _, name := range slices.Sorted(maps.Keys(cases)) {
					file := "wrong_" + name + ".tsx"
					if output[file] == "" {
						t.Errorf("a wrong use compiles:\n%s", cases[name])
					}
					delete(output, file)
				}
				for file, problems := range output {
					t.Errorf("%s:\n%s", file, problems)
				}
			})
		}
	}
}
