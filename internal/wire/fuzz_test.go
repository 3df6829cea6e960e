package wire_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/sesame-auth/sesame/internal/wire"
)

// FuzzOpen opens arbitrary text, and arbitrary headers over arbitrary plaintext
// with a valid tag. Whatever is accepted must be what go-jose decrypts.
func FuzzOpen(f *testing.F) {
	var data jweVectors
	load(f, "session-jwe-v5.json", &data)
	for _, v := range data.Vectors {
		f.Add(v.Token, []byte(v.Header), []byte(v.Plaintext))
		for _, d := range v.Decode {
			if d.Token != "" {
				f.Add(d.Token, []byte(v.Header), []byte(v.Plaintext))
			}
		}
	}
	for _, v := range data.Foreign {
		header := []byte(`{"alg":"dir","enc":"A256GCM"}`)
		if head, _, ok := strings.Cut(v.Token, "."); ok {
			header, _ = rawURL.DecodeString(head)
		}
		f.Add(v.Token, header, []byte(v.Claims))
	}
	var v4 jweVectors
	load(f, "session-jwe-v4.json", &v4)
	for _, v := range v4.Vectors {
		f.Add(v.Token, []byte(v.Header), []byte(v.Plaintext))
	}
	for _, v := range v4.Foreign {
		head, _, _ := strings.Cut(v.Token, ".")
		header, _ := rawURL.DecodeString(head)
		f.Add(v.Token, header, []byte(v.Claims))
	}
	f.Add("....", []byte(`{"enc":"A256CBC-HS512","alg":"dir","zip":"DEF"}`), []byte{})
	f.Add("..\n.\r.", []byte(`{"\u0061lg":"dir","enc":"A256CBC-HS512","kid":null}`), []byte("x"))

	key := derive(f, secret, salt, 64)
	reference := newRaw(f, key)
	sides := []struct {
		keys *wire.Keys
		jose map[jose.ContentEncryption][]any
	}{
		{wire.V5.NewKeys(salt, oldSecret, secret), map[jose.ContentEncryption][]any{
			jose.A256CBC_HS512: {key, derive(f, oldSecret, salt, 64)},
			jose.A256GCM:       {derive(f, secret, salt, 32), derive(f, oldSecret, salt, 32)},
		}},
		{wire.V4.SessionKeys(salt, oldSecret, secret), map[jose.ContentEncryption][]any{
			jose.A256GCM: {deriveV4(f, secret), deriveV4(f, oldSecret)},
		}},
	}
	v4key := deriveV4(f, secret)
	f.Fuzz(func(t *testing.T, token string, header, plaintext []byte) {
		var cases []struct {
			side  int
			token string
		}
		for side := range sides {
			for _, token := range []string{token, reference.seal(string(header), make([]byte, 16), plaintext, false), sealGCMWith(t, v4key, string(header), plaintext)} {
				cases = append(cases, struct {
					side  int
					token string
				}{side, token})
			}
		}
		for _, c := range cases {
			token, keys, josekeys := c.token, sides[c.side].keys, sides[c.side].jose
			text, _, err := keys.Open(token)
			claims, _, decodeErr := keys.DecodeToken(token, nil, epoch)
			if err != nil {
				if err != wire.ErrToken || text != nil || decodeErr != wire.ErrToken || claims != nil {
					t.Fatalf("refused as %v, %v", err, decodeErr)
				}
				continue
			}
			if decodeErr != nil && decodeErr != wire.ErrToken && decodeErr != wire.ErrExpired && decodeErr != wire.ErrNotYet {
				t.Fatalf("an error of another kind: %v", decodeErr)
			}
			if len(token) > wire.MaxTokenSize {
				t.Fatalf("accepted %d characters", len(token))
			}
			var h map[string]any
			if err := json.Unmarshal([]byte(ourHeader(t, token)), &h); err != nil {
				t.Fatalf("accepted a header that is not JSON: %v", err)
			}
			_, zip := h["zip"]
			_, crit := h["crit"]
			if h["alg"] != "dir" || zip || crit {
				t.Fatalf("accepted the header %v", h)
			}
			enc := jose.ContentEncryption(h["enc"].(string))
			obj, err := jose.ParseEncryptedCompact(token, []jose.KeyAlgorithm{jose.DIRECT}, []jose.ContentEncryption{enc})
			if err != nil {
				// go-jose checks the types of members that are ignored here.
				if token == strings.TrimSpace(token) && len(h) <= 3 && h["kid"] != nil {
					t.Fatalf("accepted what go-jose cannot read: %v", err)
				}
				continue
			}
			same := false
			for _, key := range josekeys[enc] {
				if got, err := obj.Decrypt(key); err == nil && bytes.Equal(got, text) {
					same = true
				}
			}
			if !same {
				t.Fatal("accepted what go-jose does not open to the same text")
			}
		}
	})
}

// FuzzSessionCookie parses arbitrary Cookie headers, and sets and reads a token on
// top of them.
func FuzzSessionCookie(f *testing.F) {
	name := plainNames.SessionToken
	var chunking struct{ Cases []struct{ In members } }
	load(f, "cookie-chunking.json", &chunking)
	for _, c := range chunking.Cases {
		var pairs []string
		for _, m := range c.In {
			pairs = append(pairs, strings.Replace(m.name, "N", name, 1)+"="+strings.Trim(string(m.value), `"`))
		}
		f.Add(strings.Join(pairs, "; "), "token")
	}
	var cookies struct {
		Parse []struct{ Header string }
	}
	load(f, "cookies.json", &cookies)
	for _, c := range cookies.Parse {
		f.Add(c.Header, strings.Repeat("t", wire.V5.ChunkSize()+1))
	}
	var jwe jweVectors
	load(f, "session-jwe-v5.json", &jwe)
	for _, v := range jwe.Vectors {
		f.Add(name+"="+v.Token, v.Token)
	}
	f.Add(name+".0=a%2; "+name+".1=%7c; "+name+".2=\"x\";;=;"+name+".03=y", "a%b c")

	f.Fuzz(func(t *testing.T, header, token string) {
		// The chunks of v4 are smaller.
		v4, err := wire.V4.SetSessionCookie(nil, nil, wire.SetCookie{Name: name, Expires: epoch, Secure: true}, token)
		if (err != nil) != (len(token) > wire.MaxChunks*wire.V4.ChunkSize()) {
			t.Fatalf("v4: a token of %d characters: %v", len(token), err)
		}
		joined := ""
		for _, c := range v4 {
			if len(c.Value) > wire.V4.ChunkSize() {
				t.Fatalf("v4: a chunk of %d characters", len(c.Value))
			}
			joined += c.Value
		}
		if err == nil && joined != token {
			t.Fatalf("v4: %q is cut into %q", token, joined)
		}
		request := wire.ParseCookies(nil, []string{header})
		if len(request) > 256 {
			t.Fatalf("%d cookies", len(request))
		}
		for _, c := range request {
			if c.Name == "" || strings.ContainsAny(c.Name+c.Value, ";\r\n\x00") || strings.Contains(c.Name, "=") {
				t.Fatalf("%q is not a cookie", c)
			}
		}
		got := wire.SessionCookie(request, name)
		if len(got) > wire.MaxTokenSize {
			t.Fatalf("%d characters", len(got))
		}

		jar := browser(request)
		for _, c := range wire.ClearSessionCookie(nil, request, wire.SetCookie{Name: name, Secure: true}) {
			if !c.Clear || c.Name != name && strings.Trim(c.Name[len(name):], ".0123456789") != "" {
				t.Fatalf("clears %q", c.Name)
			}
		}
		set, err := wire.V5.SetSessionCookie(nil, request, wire.SetCookie{Name: name, Expires: epoch, Secure: true}, token)
		if (err != nil) != (len(token) > wire.MaxTokenSize) {
			t.Fatalf("a token of %d characters: %v", len(token), err)
		}
		if err != nil {
			return
		}
		for i, c := range set {
			line := string(c.Append(nil))
			if strings.ContainsAny(line, "\r\n\x00") || strings.Count(line, ";") != 5 && !c.Clear {
				t.Fatalf("%q", line)
			}
			pair, _, _ := strings.Cut(line, ";")
			_, set[i].Value, _ = strings.Cut(pair, "=")
		}
		jar.obey(set)
		for _, c := range token {
			if c >= 0x80 {
				return // a chunk may end within a character
			}
		}
		if got := wire.SessionCookie(jar.cookies(), name); got != token {
			t.Fatalf("%q comes back as %q", token, got)
		}
	})
}
