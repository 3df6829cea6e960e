package gen_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/verify"
	"github.com/sesame-auth/sesame/gen/authtypes"
	"github.com/sesame-auth/sesame/internal/wire"
)

// Another Go service reads the claims of the session cookie under the same
// schema, hidden ones too. What does not fit it is the default.
func Example_verify() {
	const secret = "correct-horse-battery-staple-0001"
	now := func() time.Time { return time.Unix(1790000000, 0) }
	v, err := verify.New(verify.Config{Secrets: []string{secret}, Schema: authtypes.Schema(), Now: now})
	if err != nil {
		fmt.Println(err)
		return
	}
	bills := v.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		claims, _ := verify.TokenFrom(r.Context())
		token := authtypes.ReadToken(claims)
		if token.Role != authtypes.RoleAdmin {
			http.Error(w, "not an administrator but "+string(token.Role), http.StatusForbidden)
			return
		}
		fmt.Fprintln(w, token.Subject, token.Scopes)
	}))

	name := wire.V5.CookieNames(true).SessionToken
	for _, extra := range []map[string]any{{"role": "admin", "scopes": []any{"bills"}}, {"role": "root"}} {
		claims := &schema.Token{Subject: "42", Extra: extra}
		cookie, err := wire.V5.SessionKeys(name, secret).EncodeToken(claims, now(), time.Hour, bytes.NewReader(make([]byte, 32)))
		if err != nil {
			fmt.Println(err)
			return
		}
		r := httptest.NewRequest(http.MethodGet, "/bills", nil)
		r.Header.Set("Cookie", name+"="+cookie)
		w := httptest.NewRecorder()
		bills.ServeHTTP(w, r)
		fmt.Print(w.Code, " ", w.Body)
	}
	// Output:
	// 200 42 [bills]
	// 403 not an administrator but member
}
