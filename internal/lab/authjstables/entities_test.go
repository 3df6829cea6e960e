package authjstables_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sesame-auth/sesame/engine/store"
)

// at returns an instant of the morning on which clocks in New York skip the
// hour after two: this wall clock is no time there.
func at(milliseconds int) time.Time {
	return time.Date(2026, time.March, 8, 2, 30, 0, milliseconds*1e6, time.UTC)
}

func ptr[V any](v V) *V { return &v }

// The rows of the tests. Keys are made of a name, which each test has for
// itself.

func (p pair) user(name string) store.User {
	return store.User{
		ID: uuid(name), Name: ptr(`Zoë "😀" O'Hara \ Ångström`), Email: ptr(name + "+ü@example.com"),
		EmailVerified: ptr(at(123)), Image: ptr("https://example.com/" + name + ".png?a=1&b=%20"),
	}
}

// nobody is the id of no user.
func (p pair) nobody() string {
	if p.assignsIDs() {
		return "2147483647"
	}
	return uuid("nobody")
}

func (p pair) assignsIDs() bool { return p.Adapter.(store.TraitsDeclarer).Traits().AssignsIDs }

// bareUser has nothing that a user can do without.
func (p pair) bareUser(name string) store.User {
	u := store.User{ID: uuid(name)}
	if p.needsEmail {
		u.Email = ptr(name + "@example.com")
	}
	return u
}

func (p pair) account(user, name string) store.Account {
	return store.Account{
		UserID: user, Type: "oidc", Provider: "google", ProviderAccountID: name,
		RefreshToken: ptr("1//" + name), AccessToken: ptr(text(p.token)), ExpiresAt: ptr(int64(maxInt4)), TokenType: ptr("bearer"),
		Scope: ptr("openid email"), IDToken: ptr(text(p.idToken)), SessionState: ptr(""),
	}
}

func (p pair) bareAccount(user, name string) store.Account {
	return store.Account{UserID: user, Type: "email", Provider: "nodemailer", ProviderAccountID: name}
}

func (p pair) session(user, name string) store.Session {
	return store.Session{SessionToken: uuid(name), UserID: user, Expires: at(487).AddDate(0, 1, 0)}
}

func (p pair) verification(name string) store.VerificationToken {
	// Kysely's tables have a token once.
	return store.VerificationToken{Identifier: name + "+ü@example.com", Token: name + strings.Repeat("c0ffee01", 7), Expires: at(154)}
}

func (p pair) authenticator(user, name string) store.Authenticator {
	return store.Authenticator{
		CredentialID: "Zm9v/" + name + "+==", UserID: user, ProviderAccountID: "acc-" + name, CredentialPublicKey: strings.Repeat("pQECAyYg", 12),
		Counter: p.counter, CredentialDeviceType: "multiDevice", CredentialBackedUp: true, Transports: ptr("usb,nfc"),
	}
}

func (p pair) bareAuthenticator(user, name string) store.Authenticator {
	a := p.authenticator(user, name)
	a.Counter, a.CredentialDeviceType, a.CredentialBackedUp, a.Transports = 0, "singleDevice", false, nil
	return a
}

// truncate returns an expiry as the table has it. MariaDB cuts what Drizzle gives it and
// MySQL rounds, so no expiry here is nearer to the next second.
func (p pair) truncate(expiry time.Time) time.Time { return expiry.Truncate(p.expires) }

// uuid returns a UUID that is made of a name.
func uuid(name string) string {
	hex := []byte("0000000000004000a000000000000000")
	for i, c := range []byte(name) {
		hex[16+i%16] = "0123456789abcdef"[(int(hex[16+i%16])+int(c)+i)%16]
	}
	hex[16] = 'a'
	return string(slices.Concat(hex[:8], []byte("-"), hex[8:12], []byte("-"), hex[12:16], []byte("-"), hex[16:20], []byte("-"), hex[20:]))
}

// text returns n characters, as a JWT has them.
func text(n int) string {
	return strings.Repeat("eyJhbGciOiJSUzI1NiJ9.", n/21+1)[:n]
}

// What the checks say.

func must[V any](v V, err error) func(*testing.T) V {
	return func(t *testing.T) V {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func equal[V any](t *testing.T, what string, got, want V) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func notFound(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, store.ErrNotFound) {
		t.Errorf("%s: got %v, want ErrNotFound", what, err)
	}
}

func absent(t *testing.T, what string, got json.RawMessage) {
	t.Helper()
	if !bytes.Equal(got, null) {
		t.Errorf("%s: got %s, want null", what, got)
	}
}

// What both sides see.

func (p pair) seesUser(t *testing.T, want store.User) {
	t.Helper()
	equal(t, "Auth.js getUser", read[userRow](t, p.js.call(t, "getUser", want.ID)).user(), want)
	equal(t, "sqltables GetUser", must(p.GetUser(t.Context(), want.ID))(t), want)
	if want.Email != nil {
		equal(t, "Auth.js getUserByEmail", read[userRow](t, p.js.call(t, "getUserByEmail", *want.Email)).user(), want)
		equal(t, "sqltables GetUserByEmail", must(p.GetUserByEmail(t.Context(), *want.Email))(t), want)
	}
}

func (p pair) seesNoUser(t *testing.T, id string) {
	t.Helper()
	absent(t, "Auth.js getUser", p.js.call(t, "getUser", id))
	_, err := p.GetUser(t.Context(), id)
	notFound(t, "sqltables GetUser", err)
}

func (p pair) seesAccount(t *testing.T, want store.Account, owner store.User) {
	t.Helper()
	key := object{"provider": want.Provider, "providerAccountId": want.ProviderAccountID}
	equal(t, "Auth.js's account", read[accountRow](t, p.js.call(t, "$account", want.ProviderAccountID, want.Provider)).account(), want)
	equal(t, "sqltables GetAccount", must(p.GetAccount(t.Context(), want.Provider, want.ProviderAccountID))(t), want)
	equal(t, "Auth.js getUserByAccount", read[userRow](t, p.js.call(t, "getUserByAccount", key)).user(), owner)
	equal(t, "sqltables GetUserByAccount", must(p.GetUserByAccount(t.Context(), want.Provider, want.ProviderAccountID))(t), owner)
	equal(t, "sqltables ListAccountsByUserID", must(p.ListAccountsByUserID(t.Context(), owner.ID))(t), []store.Account{want})
}

func (p pair) seesNoAccount(t *testing.T, a store.Account) {
	t.Helper()
	absent(t, "Auth.js getUserByAccount", p.js.call(t, "getUserByAccount", object{"provider": a.Provider, "providerAccountId": a.ProviderAccountID}))
	_, err := p.GetAccount(t.Context(), a.Provider, a.ProviderAccountID)
	notFound(t, "sqltables GetAccount", err)
}

func (p pair) seesSession(t *testing.T, want store.Session, owner store.User) {
	t.Helper()
	want.Expires = p.truncate(want.Expires)
	both := read[struct {
		Session sessionRow
		User    userRow
	}](t, p.js.call(t, "getSessionAndUser", want.SessionToken))
	equal(t, "Auth.js getSessionAndUser", both.Session.session(), want)
	equal(t, "Auth.js getSessionAndUser", both.User.user(), owner)
	s, u, err := p.GetSessionAndUser(t.Context(), want.SessionToken)
	if err != nil {
		t.Fatalf("sqltables GetSessionAndUser: %v", err)
	}
	equal(t, "sqltables GetSessionAndUser", s, want)
	equal(t, "sqltables GetSessionAndUser", u, owner)
}

func (p pair) seesNoSession(t *testing.T, sessionToken string) {
	t.Helper()
	absent(t, "Auth.js getSessionAndUser", p.js.call(t, "getSessionAndUser", sessionToken))
	_, _, err := p.GetSessionAndUser(t.Context(), sessionToken)
	notFound(t, "sqltables GetSessionAndUser", err)
}

func (p pair) seesAuthenticators(t *testing.T, user string, want ...store.Authenticator) {
	t.Helper()
	byID := func(a, b store.Authenticator) int { return strings.Compare(a.CredentialID, b.CredentialID) }
	slices.SortFunc(want, byID)
	var theirs []store.Authenticator
	for _, row := range read[[]authenticatorRow](t, p.js.call(t, "listAuthenticatorsByUserId", user)) {
		theirs = append(theirs, row.authenticator())
	}
	slices.SortFunc(theirs, byID)
	equal(t, "Auth.js listAuthenticatorsByUserId", theirs, want)
	ours := must(p.ListAuthenticatorsByUserID(t.Context(), user))(t)
	slices.SortFunc(ours, byID)
	equal(t, "sqltables ListAuthenticatorsByUserID", ours, want)
	for _, a := range want {
		equal(t, "Auth.js getAuthenticator", read[authenticatorRow](t, p.js.call(t, "getAuthenticator", a.CredentialID)).authenticator(), a)
		equal(t, "sqltables GetAuthenticator", must(p.GetAuthenticator(t.Context(), a.CredentialID))(t), a)
	}
}

// What each side writes.

func (p pair) theirUser(t *testing.T, u store.User) store.User {
	t.Helper()
	got := read[userRow](t, p.js.call(t, "createUser", userArg(u))).user()
	u.ID = got.ID // most packages mint their own
	equal(t, "Auth.js createUser", got, u)
	return u
}

func (p pair) ourUser(t *testing.T, u store.User) store.User {
	t.Helper()
	got := must(p.CreateUser(t.Context(), u))(t)
	if p.assignsIDs() {
		u.ID = got.ID
	}
	equal(t, "sqltables CreateUser", got, u)
	return u
}

func (p pair) authjsWrites(t *testing.T) {
	u, bare := p.theirUser(t, p.user("u1")), p.theirUser(t, p.bareUser("u2"))
	p.seesUser(t, u)
	p.seesUser(t, bare)

	a, bareA := p.account(u.ID, "a1"), p.bareAccount(bare.ID, "a2")
	p.js.call(t, "linkAccount", accountArg(a))
	p.js.call(t, "linkAccount", accountArg(bareA))
	p.seesAccount(t, a, u)
	p.seesAccount(t, bareA, bare)

	s := p.session(u.ID, "s1")
	p.js.call(t, "createSession", sessionArg(s))
	p.seesSession(t, s, u)

	v := p.verification("v1")
	p.js.call(t, "createVerificationToken", tokenArg(v))
	v.Expires = p.truncate(v.Expires)
	equal(t, "sqltables UseVerificationToken", must(p.UseVerificationToken(t.Context(), v.Identifier, v.Token))(t), v)

	if p.authenticators {
		c, bareC := p.authenticator(u.ID, "c1"), p.bareAuthenticator(u.ID, "c2")
		p.js.call(t, "createAuthenticator", authenticatorArg(c))
		p.js.call(t, "createAuthenticator", authenticatorArg(bareC))
		p.seesAuthenticators(t, u.ID, c, bareC)
	}
}

func (p pair) sqltablesWrites(t *testing.T) {
	ctx := t.Context()
	u, bare := p.ourUser(t, p.user("u3")), p.ourUser(t, p.bareUser("u4"))
	p.seesUser(t, u)
	p.seesUser(t, bare)

	a, bareA := p.account(u.ID, "a3"), p.bareAccount(bare.ID, "a4")
	equal(t, "sqltables LinkAccount", must(p.LinkAccount(ctx, a))(t), a)
	equal(t, "sqltables LinkAccount", must(p.LinkAccount(ctx, bareA))(t), bareA)
	p.seesAccount(t, a, u)
	p.seesAccount(t, bareA, bare)

	s := p.session(u.ID, "s3")
	got := must(p.CreateSession(ctx, s))(t)
	p.seesSession(t, s, u)
	s.Expires = p.truncate(s.Expires)
	equal(t, "sqltables CreateSession", got, s)

	v := p.verification("v3")
	must(p.CreateVerificationToken(ctx, v))(t)
	v.Expires = p.truncate(v.Expires)
	equal(t, "Auth.js useVerificationToken", read[tokenRow](t, p.js.call(t, "useVerificationToken", object{"identifier": v.Identifier, "token": v.Token})).token(), v)

	if p.authenticators {
		c, bareC := p.authenticator(u.ID, "c3"), p.bareAuthenticator(u.ID, "c4")
		equal(t, "sqltables CreateAuthenticator", must(p.CreateAuthenticator(ctx, c))(t), c)
		equal(t, "sqltables CreateAuthenticator", must(p.CreateAuthenticator(ctx, bareC))(t), bareC)
		p.seesAuthenticators(t, u.ID, c, bareC)
	}
}

// What one side changes and the other sees.

func (p pair) users(t *testing.T) {
	ctx := t.Context()
	theirs, ours := p.theirUser(t, p.user("u5")), p.ourUser(t, p.user("u6"))
	for _, u := range []store.User{theirs, ours} {
		u.Name, u.EmailVerified = ptr("Ｚｏë"), ptr(at(1))
		p.js.call(t, "updateUser", object{"id": u.ID, "name": *u.Name, "emailVerified": dateOf(u.EmailVerified)})
		p.seesUser(t, u)
		u.Image = nil
		p.js.call(t, "updateUser", object{"id": u.ID, "image": nil})
		p.seesUser(t, u)

		u.Name, u.Image = ptr("Eve"), ptr("https://example.com/eve.png")
		equal(t, "sqltables UpdateUser", must(p.UpdateUser(ctx, store.UserUpdate{ID: u.ID, Name: store.SetTo(*u.Name), Image: store.SetTo(*u.Image)}))(t), u)
		p.seesUser(t, u)
		before := *u.Email
		u.Email, u.EmailVerified = ptr("new-"+before), nil
		must(p.UpdateUser(ctx, store.UserUpdate{ID: u.ID, Email: store.SetTo(*u.Email), EmailVerified: store.Clear[time.Time]()}))(t)
		p.seesUser(t, u)
		absent(t, "Auth.js getUserByEmail, the old address", p.js.call(t, "getUserByEmail", before))

		// An address that the other side has taken.
		_, err := p.CreateUser(ctx, store.User{ID: uuid("u7"), Email: u.Email})
		if want := (&store.ConflictError{Field: "email"}); !errors.Is(err, want) {
			t.Errorf("sqltables CreateUser, a taken address: got %v, want %v", err, want)
		}
		if p.name != "pg" { // whose tables do not refuse it
			taken := p.user("u7")
			taken.Email = u.Email
			p.js.refuses(t, "createUser", userArg(taken))
		}
	}
	p.seesNoUser(t, p.nobody())
}

func (p pair) accounts(t *testing.T) {
	ctx := t.Context()
	u, other := p.theirUser(t, p.user("u8")), p.ourUser(t, p.user("u9"))
	theirs, ours := p.account(u.ID, "a8"), p.account(other.ID, "a9")
	p.js.call(t, "linkAccount", accountArg(theirs))
	must(p.LinkAccount(ctx, ours))(t)

	stolen := theirs
	stolen.UserID = p.ourUser(t, p.user("thief")).ID
	_, err := p.LinkAccount(ctx, stolen)
	if want := (&store.ConflictError{Field: "providerAccountId"}); !errors.Is(err, want) {
		t.Errorf("sqltables LinkAccount, a linked account: got %v, want %v", err, want)
	}
	p.seesAccount(t, theirs, u)

	if err := p.UnlinkAccount(ctx, theirs.Provider, theirs.ProviderAccountID); err != nil {
		t.Fatal(err)
	}
	p.seesNoAccount(t, theirs)
	p.seesAccount(t, ours, other)
	p.js.call(t, "unlinkAccount", object{"provider": ours.Provider, "providerAccountId": ours.ProviderAccountID})
	p.seesNoAccount(t, ours)
}

func (p pair) sessions(t *testing.T) {
	ctx := t.Context()
	u := p.theirUser(t, p.user("u10"))
	theirs, ours := p.session(u.ID, "s10"), p.session(u.ID, "s11")
	p.js.call(t, "createSession", sessionArg(theirs))
	must(p.CreateSession(ctx, ours))(t)
	for i, s := range []store.Session{theirs, ours} {
		s.Expires = at(333).AddDate(0, 2, i)
		must(p.UpdateSession(ctx, store.SessionUpdate{SessionToken: s.SessionToken, Expires: &s.Expires}))(t)
		p.seesSession(t, s, u)
		s.Expires = at(444).AddDate(0, 3, i)
		p.js.call(t, "updateSession", object{"sessionToken": s.SessionToken, "expires": dateOf(&s.Expires)})
		p.seesSession(t, s, u)
		// In the past: both sides still see it, and judge it themselves.
		s.Expires = at(255).AddDate(-1, 0, 0)
		p.js.call(t, "updateSession", object{"sessionToken": s.SessionToken, "expires": dateOf(&s.Expires)})
		p.seesSession(t, s, u)
	}
	_, err := p.CreateSession(ctx, store.Session{SessionToken: theirs.SessionToken, UserID: u.ID, Expires: at(0)})
	if want := (&store.ConflictError{Field: "sessionToken"}); !errors.Is(err, want) {
		t.Errorf("sqltables CreateSession, a taken token: got %v, want %v", err, want)
	}
	if err := p.DeleteSession(ctx, theirs.SessionToken); err != nil {
		t.Fatal(err)
	}
	p.seesNoSession(t, theirs.SessionToken)
	p.js.call(t, "deleteSession", ours.SessionToken)
	p.seesNoSession(t, ours.SessionToken)
}

func (p pair) tokens(t *testing.T) {
	ctx := t.Context()
	use := func(identifier, token string) json.RawMessage {
		return p.js.call(t, "useVerificationToken", object{"identifier": identifier, "token": token})
	}
	theirs, ours := p.verification("v5"), p.verification("v6")
	p.js.call(t, "createVerificationToken", tokenArg(theirs))
	must(p.CreateVerificationToken(ctx, ours))(t)

	// Neither side burns what it does not match.
	absent(t, "Auth.js useVerificationToken, another identifier", use(theirs.Identifier, ours.Token))
	_, err := p.UseVerificationToken(ctx, ours.Identifier, theirs.Token)
	notFound(t, "sqltables UseVerificationToken, another identifier", err)

	want := theirs
	want.Expires = p.truncate(want.Expires)
	equal(t, "sqltables UseVerificationToken", must(p.UseVerificationToken(ctx, theirs.Identifier, theirs.Token))(t), want)
	absent(t, "Auth.js useVerificationToken, used by sqltables", use(theirs.Identifier, theirs.Token))

	want = ours
	want.Expires = p.truncate(want.Expires)
	equal(t, "Auth.js useVerificationToken", read[tokenRow](t, use(ours.Identifier, ours.Token)).token(), want)
	_, err = p.UseVerificationToken(ctx, ours.Identifier, ours.Token)
	notFound(t, "sqltables UseVerificationToken, used by Auth.js", err)
}

func (p pair) authenticatorsOf(t *testing.T) {
	if !p.authenticators {
		if p.layout.Authenticator.Name != "" {
			t.Error("the layout has authenticators, the package has none")
		}
		return
	}
	ctx := t.Context()
	u := p.theirUser(t, p.user("u12"))
	theirs, ours := p.bareAuthenticator(u.ID, "c5"), p.bareAuthenticator(u.ID, "c6")
	p.js.call(t, "createAuthenticator", authenticatorArg(theirs))
	must(p.CreateAuthenticator(ctx, ours))(t)

	theirs.Counter = 7
	equal(t, "sqltables UpdateAuthenticatorCounter", must(p.UpdateAuthenticatorCounter(ctx, theirs.CredentialID, 7))(t), theirs)
	ours.Counter = p.counter
	equal(t, "Auth.js updateAuthenticatorCounter", read[authenticatorRow](t, p.js.call(t, "updateAuthenticatorCounter", ours.CredentialID, p.counter)).authenticator(), ours)
	p.seesAuthenticators(t, u.ID, theirs, ours)
	if _, err := p.UpdateAuthenticatorCounter(ctx, ours.CredentialID, 7); !errors.Is(err, store.ErrStaleCounter) {
		t.Errorf("sqltables UpdateAuthenticatorCounter, behind Auth.js's: got %v, want ErrStaleCounter", err)
	}
}

func (p pair) deletion(t *testing.T) {
	ctx := t.Context()
	// everything returns a user with everything that can belong to one, and
	// what looks that it is gone.
	everything := func(name string, u store.User) (store.User, func()) {
		a, s, c := p.account(u.ID, "a"+name), p.session(u.ID, "s"+name), p.authenticator(u.ID, "c"+name)
		p.js.call(t, "linkAccount", accountArg(a))
		must(p.CreateSession(ctx, s))(t)
		if p.authenticators {
			p.js.call(t, "createAuthenticator", authenticatorArg(c))
		}
		return u, func() {
			t.Helper()
			p.seesNoUser(t, u.ID)
			p.seesNoAccount(t, a)
			p.seesNoSession(t, s.SessionToken)
			_, err := p.GetSession(ctx, s.SessionToken)
			notFound(t, "sqltables GetSession", err)
			if p.authenticators {
				p.seesAuthenticators(t, u.ID)
				_, err := p.GetAuthenticator(ctx, c.CredentialID)
				notFound(t, "sqltables GetAuthenticator", err)
			}
		}
	}
	u, gone := everything("13", p.theirUser(t, p.user("u13")))
	if err := p.DeleteUser(ctx, u.ID); err != nil {
		t.Fatal(err)
	}
	gone()

	u, gone = everything("14", p.ourUser(t, p.user("u14")))
	if p.keepsUsers {
		p.js.refuses(t, "deleteUser", u.ID)
		p.seesUser(t, u)
		return
	}
	p.js.call(t, "deleteUser", u.ID)
	gone()
}

// purge removes what has expired, whoever wrote it, and nothing else.
func (p pair) purge(t *testing.T) {
	ctx := t.Context()
	u := p.theirUser(t, p.user("u15"))
	end := time.Date(2020, time.January, 1, 0, 0, 0, 0, time.UTC)
	for i, expires := range []time.Time{end.Add(-time.Second), end.Add(time.Second)} {
		theirs, ours := p.session(u.ID, "theirs"+string(rune('a'+i))), p.session(u.ID, "ours"+string(rune('a'+i)))
		theirs.Expires, ours.Expires = expires, expires
		p.js.call(t, "createSession", sessionArg(theirs))
		must(p.CreateSession(ctx, ours))(t)
		v, w := p.verification("theirs"+string(rune('a'+i))), p.verification("ours"+string(rune('a'+i)))
		v.Expires, w.Expires = expires, expires
		p.js.call(t, "createVerificationToken", tokenArg(v))
		must(p.CreateVerificationToken(ctx, w))(t)
	}
	n := must(p.Adapter.(store.Purger).PurgeExpired(ctx, end, 100))(t)
	equal(t, "sqltables PurgeExpired", n, 4)
	left := must(p.Adapter.(store.SessionLister).ListSessionsByUserID(ctx, u.ID))(t)
	equal(t, "sessions of the user that are left", len(left), 2)
	for _, s := range left {
		equal(t, "their expiry", s.Expires, end.Add(time.Second))
	}
}
