package wirereplay_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sesame-auth/sesame/internal/lab/wirereplay"
)

func TestCompareFindsNothingInEqualTranscripts(t *testing.T) {
	files, _ := filepath.Glob("testdata/v[45]/*.json")
	if len(files) != 84 {
		t.Fatalf("%d recordings, want 84", len(files))
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found, err := wirereplay.Compare(file, data, data)
		if err != nil || len(found) > 0 {
			t.Errorf("%s against itself: %v %v", file, found, err)
		}
	}
}

// TestCompare compares single steps; want lists kind and path of each
// difference.
func TestCompare(t *testing.T) {
	for _, c := range []struct {
		name, recorded, got string
		want                []string
	}{
		{"a changed status", `{"status":302}`, `{"status":303}`, []string{"~status"}},
		{"a changed type", `{"json":null}`, `{"json":{}}`, []string{"~json"}},
		{"an added header", `{"headers":{"location":"/a"}}`, `{"headers":{"location":"/a","vary":"Cookie"}}`, []string{"+headers.vary"}},
		{"a missing header", `{"headers":{"pragma":"no-cache"}}`, `{"headers":{}}`, []string{"-headers.pragma"}},
		{"other numbers of placeholders", `{"a":"{{uuid:1}}","b":"{{uuid:2}}","c":"{{uuid:1}}"}`, `{"a":"{{uuid:7}}","b":"{{uuid:3}}","c":"{{uuid:7}}"}`, nil},
		{"one value where two were", `{"a":"{{uuid:1}}","b":"{{uuid:2}}"}`, `{"a":"{{uuid:1}}","b":"{{uuid:1}}"}`, []string{"~b"}},
		{"two values where one was", `{"a":"{{jwe:1}}","b":"{{jwe:1}}"}`, `{"a":"{{jwe:1}}","b":"{{jwe:2}}"}`, []string{"~b"}},
		{"another kind of placeholder", `{"a":"{{uuid:1}}"}`, `{"a":"{{hex64:1}}"}`, []string{"~a"}},
		{"the order of parameters", `{"l":"{{oidc}}/auth?a=1&b=2"}`, `{"l":"{{oidc}}/auth?b=2&a=1"}`, []string{"~l?(order)"}},
		{"parameters", `{"l":"/x?a=1&b=2"}`, `{"l":"/x?a=3&c=4"}`, []string{"~l?a", "-l?b", "+l?c"}},
		{"a repeated parameter", `{"l":"/x?a=1&a=2"}`, `{"l":"/x?a=1"}`, []string{"-l?a#2"}},
		{"another path", `{"l":"/x?a=1"}`, `{"l":"/y?a=2"}`, []string{"~l"}},
		{"a cookie more", `{"set_cookie":[]}`, `{"set_cookie":[{"name":"a","value":""}]}`, []string{"+set_cookie[a]"}},
		{"a cookie less", `{"set_cookie":[{"name":"a"},{"name":"b"}]}`, `{"set_cookie":[{"name":"b"}]}`, []string{"-set_cookie[a]"}},
		{"a cookie of another value", `{"set_cookie":[{"name":"a","value":"1"}]}`, `{"set_cookie":[{"name":"a","value":"2"}]}`, []string{"~set_cookie[a].value"}},
		{"the order of cookies", `{"set_cookie":[{"name":"a"},{"name":"b"}]}`, `{"set_cookie":[{"name":"b"},{"name":"a"}]}`, []string{"~set_cookie(order)"}},
		{"a cookie twice", `{"set_cookie":[{"name":"a"}]}`, `{"set_cookie":[{"name":"a"},{"name":"a"}]}`, []string{"+set_cookie[a#2]"}},
		{"arguments in a log", `{"log":[{"callback":"jwt","args":{"x":1}},{"authorize":["a"]}]}`, `{"log":[{"callback":"jwt"},{"authorize":["b"]}]}`, nil},
		{"names in a log", `{"log":[{"callback":"jwt"},{"event":"signIn"}]}`, `{"log":[{"adapter":"getUser"},{"callback":"jwt"},{"event":"signOut"}]}`, []string{"+log[adapter getUser]", "-log[event signIn]", "+log[event signOut]"}},
		{"the order of a log", `{"log":["a","b","c"]}`, `{"log":["b","c","a"]}`, []string{"-log[a]", "+log[a]"}},
		{"a form whose action lost its origin", `{"forms":[{"action":"{{origin}}/x","method":"POST"}]}`, `{"forms":[{"action":"/x","method":"GET"}]}`, []string{"~forms[/x].action", "~forms[/x].method"}},
		{"a list of objects", `{"users":[{"id":"1"}]}`, `{"users":[{"id":"1"},{"id":"2"}]}`, []string{"+users[1]"}},
		{"numbers are exact", `{"n":9007199254740993}`, `{"n":9007199254740992}`, []string{"~n"}},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			wrap := func(step string) []byte { return fmt.Appendf(nil, `{"flow":"f","steps":[%s]}`, step) }
			found, err := wirereplay.Compare("f", wrap(c.recorded), wrap(c.got))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, d := range found {
				got = append(got, string(d.Kind)+d.Path)
				if d.Step != 1 {
					t.Errorf("the step is %d", d.Step)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestCompareCountsSteps(t *testing.T) {
	found, err := wirereplay.Compare("f", []byte(`{"flow":"f","steps":[{"note":"one"},{"note":"two"}]}`), []byte(`{"flow":"g","steps":[{"note":"one"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 2 || found[0].Step != 0 || found[0].Path != "flow" || found[1].Kind != wirereplay.Missing || found[1].Step != 2 || found[1].Name != "two" {
		t.Errorf("got %v", found)
	}
	if _, err := wirereplay.Compare("f", []byte(`{}`), []byte(`{`)); err == nil {
		t.Error("half a transcript is no error")
	}
}
