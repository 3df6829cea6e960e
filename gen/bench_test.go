package gen_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/gen/authtypes"
	"github.com/sesame-auth/sesame/internal/lab/benchpair"
)

// claimsText is the payload of a session token with the fields of the reference
// schema: thirteen that the browser sees.
const claimsText = `{"name":"Ann","email":"ann@example.com","picture":"https://example.com/ann.png","sub":"ann-id",` +
	`"role":"editor","orgId":"acme","permissions":["read","write"],"teams":["member"],"mfa":true,"trialEndsAt":"2026-12-31T00:00:00.000Z",` +
	`"address":{"street":"1 Way","city":"Bonn","zip":"53111","country":"DE","geo":null},"offices":[],"locale":"de","credits":12,"score":0.5,"beta":false,"riskLevel":3,` +
	`"theme":"dark","impersonatedBy":null,"tenantKey":"t","scopes":[],"iat":1767323045,"exp":1769915045,"jti":"5e0e0e0e-0000-4000-8000-000000000000"}`

// What somebody writes by hand for the same with encoding/json.
type (
	handAddress struct {
		City    string   `json:"city"`
		Country string   `json:"country"`
		Geo     *handGeo `json:"geo"`
		Street  string   `json:"street"`
		Zip     *string  `json:"zip"`
	}
	handGeo struct {
		Lat float64 `json:"lat"`
		Lon float64 `json:"lon"`
	}
	handFields struct {
		Role        string        `json:"role"`
		OrgID       *string       `json:"orgId"`
		Permissions []string      `json:"permissions"`
		Teams       []string      `json:"teams"`
		Mfa         bool          `json:"mfa"`
		TrialEndsAt *time.Time    `json:"trialEndsAt"`
		Address     *handAddress  `json:"address"`
		Offices     []handAddress `json:"offices"`
		Locale      string        `json:"locale"`
		Credits     int64         `json:"credits"`
		Score       float64       `json:"score"`
		Beta        bool          `json:"beta"`
	}
	handClaims struct {
		Name    *string `json:"name"`
		Email   *string `json:"email"`
		Picture *string `json:"picture"`
		Sub     string  `json:"sub"`
		handFields
		RiskLevel      *int64   `json:"riskLevel"`
		Theme          string   `json:"theme"`
		ImpersonatedBy *string  `json:"impersonatedBy"`
		TenantKey      *string  `json:"tenantKey"`
		Scopes         []string `json:"scopes"`
		Iat            int64    `json:"iat"`
		Exp            int64    `json:"exp"`
		Jti            string   `json:"jti"`
	}
	handUser struct {
		Name  *string `json:"name"`
		Email *string `json:"email"`
		Image *string `json:"image"`
		ID    string  `json:"id"`
		handFields
	}
	handSession struct {
		User    handUser  `json:"user"`
		Expires time.Time `json:"expires"`
		Theme   string    `json:"theme"`
		Plan    string    `json:"plan"`
		Seats   *int64    `json:"seatsLeft"`
	}
)

// sessionOf is what the engine makes of a token.
func sessionOf(t *engine.Token) *engine.Session {
	s := &engine.Session{Expires: schema.Instant(time.Unix(t.Expires, 0)), Token: t, Strategy: engine.StrategyJWT}
	s.User = engine.User{ID: t.Subject, Name: t.Name, Email: t.Email, Image: t.Picture, Extra: t.Extra}
	s.Extra = t.Extra
	return s
}

// BenchmarkClaimsToBody: the payload of a token becomes the body of GET session.
func BenchmarkClaimsToBody(b *testing.B) {
	text := []byte(claimsText)
	c := authtypes.Schema()
	buf := make([]byte, 0, 4096)
	typed := func() error {
		t, err := c.DecodeClaims(text)
		if err != nil {
			return err
		}
		s := authtypes.ReadSession(sessionOf(t))
		s.Plan = authtypes.PlanPro
		buf = s.AppendJSON(buf[:0])
		return nil
	}
	byHand := func() error {
		var t handClaims
		if err := json.Unmarshal(text, &t); err != nil {
			return err
		}
		s := handSession{
			User:    handUser{Name: t.Name, Email: t.Email, Image: t.Picture, ID: t.Sub, handFields: t.handFields},
			Expires: time.Unix(t.Exp, 0).UTC(), Theme: t.Theme, Plan: "pro",
		}
		_, err := json.Marshal(&s)
		return err
	}
	for name, do := range map[string]func() error{"typed": typed, "encoding-json": byHand} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := do(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("ratio", func(b *testing.B) { benchpair.Ratio(b, "typed/encoding-json", typed, byHand) })
}

func BenchmarkAppendJSON(b *testing.B) {
	s := full()
	buf := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		buf = s.AppendJSON(buf[:0])
	}
}

func BenchmarkReadSession(b *testing.B) {
	t, err := authtypes.Schema().DecodeClaims([]byte(claimsText))
	if err != nil {
		b.Fatal(err)
	}
	s := sessionOf(t)
	b.ReportAllocs()
	for b.Loop() {
		authtypes.ReadSession(s)
	}
}
