// Package toyway signs in with an Ed25519 key: the code of docs/ways-in.md, run by
//
//	go test ./internal/lab/e2e -run TestWayIn
package toyway

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/store"
)

// Keys signs in whoever has the private key of a stored user.
type Keys struct {
	// Key returns the public key of a user; nil when the user has none.
	Key func(ctx context.Context, userID string) (ed25519.PublicKey, error)
	// Code checks what the user types after signing. nil: nothing is asked for.
	Code func(ctx context.Context, userID, code string) (bool, error)
}

// ProviderInfo implements [engine.Provider].
func (k *Keys) ProviderInfo() engine.ProviderInfo {
	return engine.ProviderInfo{ID: "key", Name: "a key", Type: "key"}
}

// Form implements [engine.SignInMethod].
func (k *Keys) Form() engine.Form {
	return engine.Form{Action: "challenge", Inputs: []engine.Input{{Name: "email", Label: "E-mail address", Type: "email"}}}
}

// Actions implements [engine.SignInMethod].
func (k *Keys) Actions() []engine.SignInAction {
	return []engine.SignInAction{
		{Name: "challenge", Method: http.MethodGet, Handle: challenge}, // for a script
		{Name: "challenge", Method: http.MethodPost, Handle: challengePage},
		{Name: "callback", Method: http.MethodPost, Handle: k.verify},
		{Name: "code", Method: http.MethodPost, Handle: k.verifyCode},
	}
}

func challenge(_ context.Context, a *engine.Attempt) (engine.Result, error) {
	text, err := newChallenge(a)
	return a.JSON(http.StatusOK, map[string]string{"challenge": text}), err
}

func challengePage(_ context.Context, a *engine.Attempt) (engine.Result, error) {
	text, err := newChallenge(a)
	signature := engine.Input{Name: "signature", Label: "Signature", Autocomplete: "off"}
	return a.Page(engine.Form{Title: "Sign this text", Text: text, Inputs: []engine.Input{signature}}), err
}

// newChallenge makes the text to sign, which the browser keeps with the address.
func newChallenge(a *engine.Attempt) (string, error) {
	address := strings.ToLower(strings.TrimSpace(a.Value("email")))
	if address == "" || len(address) > 254 {
		return "", refused("no address")
	}
	random := make([]byte, 32)
	if _, err := io.ReadFull(a.Rand(), random); err != nil {
		return "", err
	}
	text := a.Origin() + "/" + base64.RawURLEncoding.EncodeToString(random)
	return text, a.Seal("challenge", text+" "+address)
}

func (k *Keys) verify(ctx context.Context, a *engine.Attempt) (none engine.Result, err error) {
	sealed, _ := a.Open("challenge")
	text, address, ok := strings.Cut(sealed, " ")
	if !ok {
		return none, refused("no challenge")
	}
	if err := a.Limit(address); err != nil {
		return none, err
	}
	var key ed25519.PublicKey
	user, err := a.Store().GetUserByEmail(ctx, address)
	if err == nil {
		key, err = k.Key(ctx, user.ID)
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return none, err
	}
	signature, _ := base64.RawURLEncoding.DecodeString(strings.TrimSpace(a.Value("signature")))
	if len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, []byte(text), signature) {
		return none, refused("the signature does not fit")
	}
	if k.Code != nil {
		return a.OneMoreStep(engine.Identity{User: user}, codeForm("")), nil
	}
	return a.SignIn(engine.Identity{User: user}), nil
}

func codeForm(wrong string) engine.Form {
	code := engine.Input{Name: "code", Label: "Code", Autocomplete: "one-time-code"}
	return engine.Form{Title: "One more step", Error: wrong, Action: "code", Inputs: []engine.Input{code}}
}

func (k *Keys) verifyCode(ctx context.Context, a *engine.Attempt) (none engine.Result, err error) {
	who, ok := a.Pending()
	if !ok {
		return none, refused("no signature")
	}
	if err := a.Limit(who.User.ID); err != nil { // a short code can be guessed
		return none, err
	}
	if ok, err = k.Code(ctx, who.User.ID, a.Value("code")); err == nil && !ok {
		return a.OneMoreStep(who, codeForm("That is not the code.")), nil
	}
	return a.SignIn(who), err
}

// refused shows one sentence, whatever did not fit. The log says why.
func refused(why string) error { return &engine.CredentialsError{Err: errors.New(why)} }
