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

// secrets are values that must not appear in errors, even if a provider or a
// browser repeats them.
type secrets []string

const removed = "[removed]"

// tokenLike matches text that may be a token.
var tokenLike = regexp.MustCompile(`[A-Za-z0-9_\-.~+=%]{40,}`)

// clean prepares foreign text for an error: one printable line of at most n bytes
// without secrets or anything that looks like one.
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
	text = s.hide(strings.Join(strings.Fields(text), " ")) // again: the removed characters may have split a secret
	text = tokenLike.ReplaceAllString(text, removed)
	if len(text) > n {
		text = strings.ToValidUTF8(text[:n], "") + "…"
	}
	return text
}

// hide removes the secrets from text.
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

// answer returns the text of an error of the provider: its code and description.
func (s secrets) answer(code, description string) string {
	if code == "" {
		code = "an error without a code"
	}
	if description = s.clean(description, 200); description != "" {
		return code + " (" + description + ")"
	}
	return code
}

// quoted matches quoted text, which in errors of net/http comes from the server.
var quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*("|$)`)

// cause returns the reason of a failed request, without its URL and without text
// from the server.
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

// basic returns the credentials as client_secret_basic sends them.
func basic(id, secret string) string {
	return base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id) + ":" + url.QueryEscape(secret)))
}
