// Package messages holds the texts of the built-in pages and of JSON responses, by
// key and language.
//
// english.go lists all keys with their English texts. Applications add languages,
// or change the English texts, with [New].
package messages

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/language"
)

// English returns a copy of the English texts, by key. It has all keys.
func English() map[string]string { return maps.Clone(english) }

// Catalogue is a set of locales. It is safe for concurrent use. A nil Catalogue
// has only English.
type Catalogue struct {
	locales []*Locale // English first
	matcher language.Matcher
}

// New returns a catalogue of English and the custom texts, which are given by BCP
// 47 language tag and message key. A missing or empty text is replaced by that of
// the parent language (de for de-AT), or else by the English one. Texts for "en"
// replace those of [English].
//
// The error lists all invalid or duplicate tags, unknown keys, and texts whose
// placeholders differ from those of the English text.
func New(custom map[string]map[string]string) (*Catalogue, error) {
	var errs []error
	tags := []language.Tag{language.English} // the first one is the fallback
	names := make(map[string]string)         // as given, by canonical tag
	texts := make(map[string]map[string]string)
	for _, name := range slices.Sorted(maps.Keys(custom)) {
		tag, err := language.Parse(name)
		if err != nil || tag == language.Und {
			errs = append(errs, fmt.Errorf("messages: %q is not a BCP 47 language tag", name))
			continue
		}
		canonical := tag.String()
		if other, twice := names[canonical]; twice {
			errs = append(errs, fmt.Errorf("messages: %q and %q are the same language", other, name))
			continue
		}
		names[canonical], texts[canonical] = name, custom[name]
		if tag != language.English {
			tags = append(tags, tag)
		}
		errs = append(errs, check(name, custom[name])...)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	c := &Catalogue{matcher: language.NewMatcher(tags)}
	for _, tag := range tags {
		c.locales = append(c.locales, newLocale(tag, texts))
	}
	return c, nil
}

// check returns the problems of the texts of a language.
func check(tag string, texts map[string]string) []error {
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(texts)) {
		text := texts[key]
		original, known := english[key]
		switch {
		case !known:
			errs = append(errs, fmt.Errorf("messages: %s: unknown key %q", tag, key))
		case !utf8.ValidString(text):
			errs = append(errs, fmt.Errorf("messages: %s: %s is not valid UTF-8", tag, key))
		case text != "" && !slices.Equal(placeholders(text), placeholders(original)):
			errs = append(errs, fmt.Errorf("messages: %s: %s has the placeholders %q, the English text has %q",
				tag, key, placeholders(text), placeholders(original)))
		}
	}
	return errs
}

// maxPreferred is how much of a header is used, in bytes. Browsers send fewer than
// 200.
const maxPreferred = 1024

// Match returns the best locale for the first of the preferred values that
// matches a locale. The values are language tags or values of the Accept-Language
// header (RFC 9110 section 12.5.4). Invalid ones are ignored. If nothing matches,
// the result is English; if c is nil, it is nil, which is English too.
func (c *Catalogue) Match(preferred ...string) *Locale {
	if c == nil {
		return nil
	}
	if len(c.locales) == 1 {
		return c.locales[0]
	}
	for _, accept := range preferred {
		if len(accept) > maxPreferred {
			accept = accept[:max(0, strings.LastIndexByte(accept[:maxPreferred], ','))]
		}
		tags, _, err := language.ParseAcceptLanguage(accept)
		if err != nil {
			continue
		}
		if _, i, confidence := c.matcher.Match(tags...); confidence != language.No {
			return c.locales[i]
		}
	}
	return c.locales[0]
}
