package messages

import (
	"maps"
	"slices"
	"strings"

	"golang.org/x/text/language"
)

// Locale holds the texts of one language. A nil Locale is English.
type Locale struct {
	tag   string
	rtl   bool
	texts map[string]string // has all keys
}

// newLocale returns the locale for tag. Its texts are those of the tag, then those
// of its parents, then the built-in ones.
func newLocale(tag language.Tag, texts map[string]map[string]string) *Locale {
	script, _ := tag.Script()
	l := &Locale{tag: tag.String(), rtl: rightToLeft(script.String()), texts: maps.Clone(english)}
	var line []string // the tag and its parents
	for t := tag; t != language.Und; t = t.Parent() {
		line = append(line, t.String())
	}
	for _, t := range slices.Backward(line) {
		for key, text := range texts[t] {
			if text != "" {
				l.texts[key] = text
			}
		}
	}
	return l
}

// rightToLeft reports whether a script (ISO 15924) that is in use today is written
// from right to left.
func rightToLeft(script string) bool {
	switch script {
	case "Adlm", "Arab", "Aran", "Hebr", "Mand", "Nkoo", "Rohg", "Samr", "Syrc", "Thaa", "Yezi":
		return true
	}
	return false
}

// Tag returns the BCP 47 tag of the language, for the lang attribute of HTML.
func (l *Locale) Tag() string {
	if l == nil {
		return "en"
	}
	return l.tag
}

// Dir returns the direction of the script, "ltr" or "rtl", for the dir attribute
// of HTML.
func (l *Locale) Dir() string {
	if l != nil && l.rtl {
		return "rtl"
	}
	return "ltr"
}

// Text returns the text for key. The arguments are pairs of the name of a
// placeholder and its value:
//
//	l.Text("signin.with", "name", "GitHub") // "Sign in with GitHub"
//
// Placeholders without a value are not replaced. If the key is unknown, the result
// is the key.
func (l *Locale) Text(key string, args ...string) string {
	text := l.lookup(key)
	if len(args) == 0 {
		return text
	}
	var b strings.Builder
	for part := range split(text, args) {
		b.WriteString(part.Text)
	}
	return b.String()
}

// Part is a part of a text.
type Part struct {
	Text  string
	Value bool // whether Text is the value of a placeholder
}

// Parts is like [Locale.Text], but returns the values of placeholders separately,
// so that the caller can mark them up.
func (l *Locale) Parts(key string, args ...string) []Part {
	var parts []Part
	for part := range split(l.lookup(key), args) {
		parts = append(parts, part)
	}
	return parts
}

func (l *Locale) lookup(key string) string {
	texts := english
	if l != nil {
		texts = l.texts
	}
	if text, ok := texts[key]; ok {
		return text
	}
	return key
}

// ErrorText holds the texts for an error code.
type ErrorText struct {
	Title    string // of the error page
	Sentence string // on the error page and on the sign-in page
	Advice   string // on the error page, below the sentence; may be empty
	Link     string // of the link to the sign-in page, on the error page
	Known    bool   // whether there are texts for the code
}

// Error returns the texts for a public error code. For unknown codes they are
// general.
func (l *Locale) Error(code string) ErrorText {
	text := func(part, general string) string {
		key := "error." + code + "." + part
		if _, ok := english[key]; !ok {
			key = general
		}
		if key == "" {
			return ""
		}
		return l.lookup(key)
	}
	_, known := english["error."+code+".sentence"]
	return ErrorText{
		Title:    text("title", "error-page.title"),
		Sentence: text("sentence", "error-page.sentence"),
		Advice:   text("advice", ""),
		Link:     text("link", "error-page.link"),
		Known:    known,
	}
}
