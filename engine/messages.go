package engine

import "github.com/sesame-auth/sesame/engine/internal/messages"

// Messages returns the English texts of the built-in pages and of JSON answers,
// by key, for translation in Config.Messages. Words in braces, as in "Sign in
// with {name}", are placeholders.
func Messages() map[string]string { return messages.English() }

// locale returns the locale of the texts for this request; nil means English. A
// panic of Config.Locale is logged and means English, so that a page can report it.
func (x *exchange) locale() *messages.Locale {
	choose := x.cfg.Locale
	if choose == nil {
		return x.texts.Match(x.r.Header["Accept-Language"]...)
	}
	var tag string
	if err := guard(func() error { tag = choose(x.r); return nil }); err != nil {
		x.report(asError(err, "LocaleError")) // a failure must be answered, too
	}
	return x.texts.Match(tag)
}
