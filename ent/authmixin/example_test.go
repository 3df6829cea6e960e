package authmixin_test

import (
	"fmt"

	"entgo.io/ent"
	"github.com/sesame-auth/sesame/ent/authmixin"
)

type (
	Member        struct{ ent.Schema }
	LinkedAccount struct{ ent.Schema }
	LoginSession  struct{ ent.Schema }
	MailToken     struct{ ent.Schema }
	Passkey       struct{ ent.Schema }
)

func (Member) Mixin() []ent.Mixin {
	return []ent.Mixin{authmixin.User{Accounts: LinkedAccount.Type, Sessions: LoginSession.Type, Authenticators: Passkey.Type}}
}
func (LinkedAccount) Mixin() []ent.Mixin { return []ent.Mixin{authmixin.Account{User: Member.Type}} }
func (LoginSession) Mixin() []ent.Mixin  { return []ent.Mixin{authmixin.Session{User: Member.Type}} }
func (MailToken) Mixin() []ent.Mixin     { return []ent.Mixin{authmixin.VerificationToken{}} }
func (Passkey) Mixin() []ent.Mixin       { return []ent.Mixin{authmixin.Authenticator{User: Member.Type}} }

// This example adds the columns of Sesame to the types of an application.
func Example() {
	for _, t := range []ent.Interface{Member{}, LinkedAccount{}, LoginSession{}, MailToken{}, Passkey{}} {
		fmt.Printf("%T:", t)
		for _, mixin := range t.Mixin() {
			for _, field := range mixin.Fields() {
				fmt.Print(" ", field.Descriptor().Name)
			}
		}
		fmt.Println()
	}
	// Output:
	// authmixin_test.Member: name email email_verified image
	// authmixin_test.LinkedAccount: user_id type provider provider_account_id refresh_token access_token expires_at token_type scope id_token session_state
	// authmixin_test.LoginSession: id user_id expires
	// authmixin_test.MailToken: identifier token expires
	// authmixin_test.Passkey: id user_id provider_account_id credential_public_key counter credential_device_type credential_backed_up transports
}
