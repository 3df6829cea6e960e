package wirereplay_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/verify"
	"github.com/sesame-auth/sesame/internal/lab/labserver"
	"github.com/sesame-auth/sesame/internal/wire"
)

// tokensScript makes a token of each version with a clock that stands still,
// and reads tokens at the times it is given.
const tokensScript = `
import { createRequire } from "node:module"
const RealDate = Date
let at = 0
globalThis.Date = class extends RealDate {
	constructor(...a) { if (a.length) super(...a); else super(at) }
	static now() { return at }
}
const require = createRequire(process.cwd() + "/x.mjs")
const packages = { v5: await import("@auth/core/jwt"), v4: require("next-auth-v4/jwt") }
let input = ""
for await (const part of process.stdin) input += part
const { made, maxAge, secret, salts, read } = JSON.parse(input)
const tokens = {}, answers = []
at = made * 1000
for (const v of ["v5", "v4"]) tokens[v] = await packages[v].encode({ token: { sub: "ada" }, secret, salt: salts[v], maxAge })
for (const r of read) {
	at = r.at * 1000
	try { answers.push((await packages[r.version].decode({ token: r.token, secret, salt: salts[r.version] })).sub) } catch (e) { answers.push(e.code ?? e.message) }
}
console.log(JSON.stringify({ tokens, answers }))
`

// TestTokensOfBothSides has the real packages read tokens of Sesame, and
// Sesame tokens of theirs: at exp+14 s they are good, at exp+15 s they are not,
// whatever the zone of the clock.
func TestTokensOfBothSides(t *testing.T) {
	lab := newLab(t)
	made := time.Unix(1790000000, 0)
	const maxAge = time.Hour
	type readAt struct {
		Version string `json:"version"`
		Token   string `json:"token"`
		At      int64  `json:"at"`
	}
	in := struct {
		Made   int64             `json:"made"`
		MaxAge int               `json:"maxAge"`
		Secret string            `json:"secret"`
		Salts  map[string]string `json:"salts"`
		Read   []readAt          `json:"read"`
	}{made.Unix(), int(maxAge / time.Second), labserver.Secret, map[string]string{}, nil}
	for _, d := range []wire.Dialect{wire.V5, wire.V4} {
		name := d.CookieNames(true).SessionToken
		in.Salts[d.String()] = name
		if d == wire.V4 {
			in.Salts[d.String()] = ""
		}
		ours, err := d.SessionKeys(name, labserver.Secret).EncodeToken(&schema.Token{Subject: "ada"}, made, maxAge, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		for _, after := range []time.Duration{0, maxAge + 14*time.Second, maxAge + 15*time.Second} {
			in.Read = append(in.Read, readAt{d.String(), ours, made.Add(after).Unix()})
		}
	}
	text, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(lab.dir, "tokens.mjs"), []byte(tokensScript), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, zone := range []string{"UTC", "Pacific/Kiritimati", "America/Los_Angeles"} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, "node", "tokens.mjs")
		cmd.Dir, cmd.Stdin, cmd.Stderr = lab.dir, bytes.NewReader(text), os.Stderr
		cmd.Env = append(os.Environ(), "TZ="+zone)
		cmd.WaitDelay = 5 * time.Second
		output, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		var out struct {
			Tokens  map[string]string
			Answers []string
		}
		if err := json.Unmarshal(output, &out); err != nil {
			t.Fatalf("%v: %s", err, output)
		}
		for i, want := range []string{"ada", "ada", "ERR_JWT_EXPIRED", "ada", "ada", "ERR_JWT_EXPIRED"} {
			if i >= len(out.Answers) || out.Answers[i] != want {
				t.Errorf("%s: Auth.js reads our tokens as %q, want %q at %d", zone, out.Answers, want, i)
				break
			}
		}
		location, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		for version, token := range out.Tokens {
			for after, want := range map[time.Duration]error{0: nil, maxAge + 14*time.Second: nil, maxAge + 15*time.Second: verify.ErrExpired} {
				v, err := verify.New(verify.Config{Secrets: []string{labserver.Secret}, UseSecureCookies: new(true), Now: func() time.Time { return made.Add(after).In(location) }})
				if err != nil {
					t.Fatal(err)
				}
				r := &http.Request{Header: http.Header{"Cookie": {map[string]string{"v5": wire.V5.CookieNames(true).SessionToken, "v4": wire.V4.CookieNames(true).SessionToken}[version] + "=" + token}}}
				if got, err := v.Token(r); err != want || err == nil && got.Subject != "ada" {
					t.Errorf("%s: a token of %s, %v after: %v, want %v", zone, version, after, err, want)
				}
			}
		}
	}
}
