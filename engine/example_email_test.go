package engine_test

import (
	"context"
	"fmt"
	"log"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/sesame-auth/sesame/adapters/memory"
	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/authtest"
)

// This example signs in with a link sent by mail. SendVerificationRequest sends
// it, with net/smtp or the API of a mail service.
func ExampleEmail() {
	var mailbox authtest.Mailbox // in production: a mail server
	eng, err := engine.New(engine.Config{
		Secrets: []string{"a secret of at least 32 characters"}, // in production: AUTH_SECRET
		URL:     "https://app.example.com",                      // in production: AUTH_URL
		Adapter: memory.New(nil),                                // in production: a database
		Providers: []engine.Provider{&engine.Email{
			MaxAge: 10 * time.Minute,
			SendVerificationRequest: func(ctx context.Context, m engine.VerificationRequest) error {
				fmt.Println("To:", m.Identifier)
				return mailbox.SendVerificationRequest(ctx, m)
			},
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer eng.Close()

	// Ask for the mail, as signIn("email", { email }) of next-auth/react does.
	w, r := httptest.NewRecorder(), httptest.NewRequest("POST", "/login", nil)
	next, err := eng.SignIn(w, r, "email", engine.SignInOptions{Email: "Ada@Example.com", RedirectTo: "/welcome"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(next)

	// Open the link. It shows a page with a button, so that a mail scanner that
	// opens links does not use it up.
	mail, _ := mailbox.Last("ada@example.com")
	r = httptest.NewRequest("GET", mail.URL, nil)
	w = httptest.NewRecorder()
	eng.ServeHTTP(w, r)
	_, csrfToken, _ := strings.Cut(w.Body.String(), `name="csrfToken" value="`)
	csrfToken, _, _ = strings.Cut(csrfToken, `"`)

	// Press the button.
	form := r.URL.Query() // callbackUrl, token, email
	form.Set("csrfToken", csrfToken)
	r = httptest.NewRequest("POST", "https://app.example.com/api/auth/callback/email", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, cookie := range w.Result().Cookies() {
		r.AddCookie(cookie)
	}
	w = httptest.NewRecorder()
	eng.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Header().Get("Location"))

	session, err := eng.Session(w, r)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(*session.User.Email)
	// Output:
	// To: ada@example.com
	// https://app.example.com/api/auth/verify-request?provider=email&type=email
	// 302 https://app.example.com/welcome
	// ada@example.com
}
