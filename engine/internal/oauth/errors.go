package oauth

import (
	"context"
	"encoding/base64"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// Kind says what went wrong.
type Kind string

// The kinds of errors.
const (
	Discovery Kind = "discovery" // the provider's metadata cannot be had or is wrong
	Check     Kind = "check"     // state, PKCE, nonce or iss missing or wrong, or the callback has no code
	Provider  Kind = "provider"  // the provider answered the authorization request with an error
	Token     Kind = "token"     // the token endpoint refused or answered nonsense
	IDToken   Kind = "id_token"  // the ID token is missing or not valid
	UserInfo  Kind = "userinfo"  // the userinfo endpoint failed or contradicts the ID token
)

// Error is a failed flow.
type Error struct {
	Kind Kind
	// Code is the provider's error code, if it sent one ("access_denied"):
	// printable ASCII, at most 64 bytes.
	Code string
	Hint string // what to do about it; "" when there is nothing to say
	// Err never contains a code, token or secret. It is context.Canceled or
	// context.DeadlineExceeded (errors.Is) when that was the reason.
	Err error
}

func (e *Error) Error() string { return "oauth: " + string(e.Kind) + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

func fail(kind Kind, hint, text string) *Error {
	return &Error{Kind: kind, Hint: hint, Err: errors.New(text)}
}

// failCause is fail with the cause of a failed request.
func failCause(kind Kind, hint, text string, err error) *Error {
	return &Error{Kind: kind, Hint: hint, Err: &withCause{text + ": " + err.Error(), err}}
}

type withCause struct {
	text string
	err  error
}

func (e *withCause) Error() string { return e.text }
func (e *withCause) Unwrap() error { return e.err }

// secrets are values that must not come back in a text that somebody else
// wrote.
type secrets []string

const removed = "[removed]"

// long matches what looks like a token.
var long = regexp.MustCompile(`[A-Za-z0-9_\-.~+=%]{40,}`)

// clean makes a text of somebody else fit for an error: one line, printable, at
// most n bytes, without our secrets and without what looks like one.
func (s secrets) clean(text string, n int) string {
	text = s.hide(text)
	if len(text) > 8*n {
		text = text[:8*n]
	}
	text = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, text)
	text = s.hide(strings.Join(strings.Fields(text), " ")) // again: what was left out may have stood in the middle of one
	text = long.ReplaceAllString(text, removed)
	if len(text) > n {
		text = strings.ToValidUTF8(text[:n], "") + "…"
	}
	return text
}

// hide leaves out our secrets.
func (s secrets) hide(text string) string {
	known := make([]string, 0, 2*len(s))
	for _, v := range s {
		if v != "" {
			known = append(known, v, url.QueryEscape(v))
		}
	}
	slices.SortFunc(known, func(a, b string) int { return len(b) - len(a) })
	for _, v := range known {
		text = strings.ReplaceAll(text, v, removed)
	}
	return text
}

// code cleans an error code (RFC 6749 section 5.2).
func (s secrets) code(code string) string {
	code = s.hide(strings.Map(func(r rune) rune {
		if r <= ' ' || r >= 0x7f || r == '"' || r == '\\' || r == '<' || r == '>' || r == '&' {
			return -1
		}
		return r
	}, s.clean(code, 64)))
	return code[:min(len(code), 64)]
}

// answer is an error of the provider as text: its code and its description.
func (s secrets) answer(code, description string) string {
	if code == "" {
		code = "an error without a code"
	}
	if description = s.clean(description, 200); description != "" {
		return code + " (" + description + ")"
	}
	return code
}

// quoted matches what net/http quotes: what the server sent.
var quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*("|$)`)

// cause is why a request failed, without its URL and without what the server
// sent.
func (s secrets) cause(err error) error {
	text := ""
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
		text = quoted.ReplaceAllString(err.Error(), removed)
	} else {
		text = err.Error()
	}
	text = s.clean(text, 200)
	for _, known := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, known) {
			return &withCause{text, known}
		}
	}
	return errors.New(text)
}

// basic is what client_secret_basic sends.
func basic(id, secret string) string {
	return base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id) + ":" + url.QueryEscape(secret)))
}
