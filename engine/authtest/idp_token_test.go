package authtest_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestScopes(t *testing.T) {
	p := newIdP(t, nil)
	_, answer := p.token("app", "s3cret:/+ %", p.code("scope", "openid unknown"))
	if answer["scope"] != "openid" {
		t.Errorf("granted %v", answer["scope"])
	}
	if _, info := p.userInfo(answer["access_token"].(string)); !cmp.Equal(info, map[string]any{"sub": "ada"}) {
		t.Errorf("userinfo returns %v", info)
	}
	_, answer = p.token("app", "s3cret:/+ %", p.code("scope", "profile"))
	if _, ok := answer["id_token"]; ok {
		t.Error("an ID token without the scope openid")
	}
}

func TestCodeWorksOnce(t *testing.T) {
	p := newIdP(t, nil)
	code := p.code()
	_, first := p.token("app", "s3cret:/+ %", code)
	token, _ := first["access_token"].(string)
	if status, _ := p.userInfo(token); status != http.StatusOK {
		t.Fatalf("userinfo %d", status)
	}
	if status, again := p.token("app", "s3cret:/+ %", code); status != http.StatusBadRequest || again["error"] != "invalid_grant" {
		t.Errorf("the code works twice: %d %v", status, again)
	}
	if status, _ := p.userInfo(token); status != http.StatusUnauthorized {
		t.Errorf("the access token outlives the second use of its code: %d", status)
	}
}

func TestCodeWorksOnceAtTheSameTime(t *testing.T) {
	p := newIdP(t, nil)
	code := p.code()
	var wg sync.WaitGroup
	statuses := make(chan int, 8)
	for range cap(statuses) {
		wg.Go(func() {
			status, _ := p.token("app", "s3cret:/+ %", code)
			statuses <- status
		})
	}
	wg.Wait()
	close(statuses)
	won := 0
	for status := range statuses {
		if status == http.StatusOK {
			won++
		}
	}
	if won != 1 {
		t.Errorf("%d of 8 got tokens", won)
	}
}

func TestTimes(t *testing.T) {
	p := newIdP(t, nil)
	young, old := p.code(), p.code()
	p.clock.Advance(time.Minute - time.Nanosecond)
	status, answer := p.token("app", "s3cret:/+ %", young)
	if status != http.StatusOK {
		t.Fatalf("a code of 59 s: %d %v", status, answer)
	}
	p.clock.Advance(time.Nanosecond)
	if status, answer := p.token("app", "s3cret:/+ %", old); status != http.StatusBadRequest {
		t.Errorf("a code of 60 s: %d %v", status, answer)
	}
	p.clock.Advance(time.Hour)
	if status, _ := p.userInfo(answer["access_token"].(string)); status != http.StatusUnauthorized {
		t.Errorf("an access token of an hour: %d", status)
	}
}

func TestTokenRefusals(t *testing.T) {
	p := newIdP(t, nil)
	const secret = "s3cret:/+ %"
	for _, c := range []struct {
		name           string
		user, password string
		authorization  []string
		changes        []string
		status         int
		code           string
	}{
		{"wrong secret", "app", "wrong", nil, nil, 401, "invalid_client"},
		{"no secret", "app", "", nil, nil, 401, "invalid_client"},
		{"unknown client", "nobody", "", nil, nil, 401, "invalid_client"},
		{"no client", "", "", nil, nil, 401, "invalid_client"},
		{"wrong secret by post", "", "", nil, []string{"client_id", "app", "client_secret", "wrong"}, 401, "invalid_client"},
		{"client without its secret", "", "", nil, []string{"client_id", "app"}, 401, "invalid_client"},
		{"two ways", "app", secret, nil, []string{"client_secret", secret}, 400, "invalid_request"},
		{"two ids", "app", secret, nil, []string{"client_id", "other"}, 401, "invalid_client"},
		{"another client's code", "other", "0ther", nil, nil, 400, "invalid_grant"},
		{"wrong redirect_uri", "app", secret, nil, []string{"redirect_uri", redirectURI + "&x"}, 400, "invalid_grant"},
		{"no redirect_uri", "app", secret, nil, []string{"redirect_uri", "-"}, 400, "invalid_grant"},
		{"wrong verifier", "app", secret, nil, []string{"code_verifier", "x" + verifier}, 400, "invalid_grant"},
		{"no verifier", "app", secret, nil, []string{"code_verifier", "-"}, 400, "invalid_grant"},
		{"verifier without a challenge", "app", secret, []string{"code_challenge", "-", "code_challenge_method", "-"}, nil, 400, "invalid_grant"},
		{"wrong grant type", "app", secret, nil, []string{"grant_type", "password"}, 400, "unsupported_grant_type"},
		{"wrong code", "app", secret, nil, []string{"code", "x"}, 400, "invalid_grant"},
	} {
		status, answer := p.token(c.user, c.password, p.code(c.authorization...), c.changes...)
		if status != c.status || answer["error"] != c.code || answer["access_token"] != nil {
			t.Errorf("%s: %d %v, want %d %s", c.name, status, answer, c.status, c.code)
		}
	}
	// Without these problems the requests above are valid.
	if status, answer := p.token("", "", p.code("client_id", "spa"), "client_id", "spa"); status != http.StatusOK {
		t.Errorf("public client: %d %v", status, answer)
	}
	without := p.code("code_challenge", "-", "code_challenge_method", "-")
	if status, answer := p.token("app", secret, without, "code_verifier", "-"); status != http.StatusOK {
		t.Errorf("confidential client without PKCE: %d %v", status, answer)
	}
}
