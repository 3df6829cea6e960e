package pages

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"math"
	"net/url"
	"strconv"
	"strings"
	"sync"
)

// Theme is the appearance of the pages. With the zero value it follows the light
// or dark preference of the browser. Invalid values are treated as empty.
type Theme struct {
	// ColorScheme is "auto" (default), "light" or "dark".
	ColorScheme string
	// Logo is the image above the form: an http or https URL, or a path on this
	// site. "" shows no image.
	Logo string
	// BrandColor is the CSS colour (#rgb or #rrggbb) of the primary button.
	BrandColor string
	// ButtonText is the CSS colour (#rgb or #rrggbb) of the text on the primary
	// button. Default: black or white, whichever has more contrast to BrandColor.
	ButtonText string
}

var (
	//go:embed style.css
	styleCSS string
	//go:embed dark.css
	darkCSS string
)

// baseSources returns the CSP sources of the first two style elements of a page:
// styleCSS, and darkCSS, which applies depending on its media attribute. The third
// one has the colours of the theme. The hash is that of the text between the tags
// (CSP Level 3, section 8.3).
var baseSources = sync.OnceValue(func() string { return source(styleCSS) + " " + source(darkCSS) })

func source(style string) string {
	sum := sha256.Sum256([]byte(style))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// Policy returns the Content-Security-Policy of a page with the theme. It allows
// the styles of the page, by hash, and the logo, and does not allow framing. It
// has no form-action, because browsers also apply that to the redirect to an
// identity provider after a form was submitted.
func Policy(t Theme) string {
	styles := baseSources()
	if colors := t.colors(); colors != "" {
		styles += " " + source(colors)
	}
	images := "data:" // for the empty icon
	if _, from := t.logo(); from != "" {
		images += " " + from
	}
	return "default-src 'none'; style-src " + styles + "; img-src " + images + "; base-uri 'none'; frame-ancestors 'none'"
}

// look is the data of a Theme in the templates.
type look struct {
	Style, Dark, Colors template.CSS
	DarkMedia           string // media of darkCSS; "" omits it
	Scheme              string // content of meta name=color-scheme
	Logo                string
}

func (t Theme) look() look {
	l := look{
		Style:  template.CSS(styleCSS),
		Dark:   template.CSS(darkCSS),
		Colors: template.CSS(t.colors()), // contains only validated colours
	}
	switch t.ColorScheme {
	case "light":
		l.Scheme = "light"
	case "dark":
		l.Scheme, l.DarkMedia = "dark", "all"
	default:
		l.Scheme, l.DarkMedia = "light dark", "(prefers-color-scheme: dark)"
	}
	l.Logo, _ = t.logo()
	return l
}

// colors returns the style with the colours of the theme, or "" if it has none.
func (t Theme) colors() string {
	brand, brandOK := parseColor(t.BrandColor)
	_, textOK := parseColor(t.ButtonText)
	var s string
	if brandOK {
		s += "--brand:" + t.BrandColor + ";"
	}
	switch {
	case textOK:
		s += "--on-brand:" + t.ButtonText + ";"
	case brandOK && brand.luminance() > 0.179: // where black and white have the same contrast
		s += "--on-brand:#000;"
	case brandOK:
		s += "--on-brand:#fff;"
	}
	if s == "" {
		return ""
	}
	return ":root{" + s + "}"
}

// logo returns the URL of the logo and the CSP source that allows it. Both are
// empty if there is no logo or its URL is invalid.
func (t Theme) logo() (link, from string) {
	if t.Logo == "" || strings.ContainsAny(t.Logo, "\\ \t\r\n") {
		return "", ""
	}
	u, err := url.Parse(t.Logo)
	if err != nil || u.Opaque != "" || u.User != nil {
		return "", ""
	}
	switch {
	case u.Scheme == "" && u.Host == "":
		return t.Logo, "'self'"
	case (u.Scheme == "https" || u.Scheme == "http") && plainHost(u.Host):
		return t.Logo, u.Scheme + "://" + u.Host
	}
	return "", ""
}

// plainHost reports whether a host can be written to a header unescaped.
func plainHost(host string) bool {
	for _, c := range []byte(host) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			continue
		}
		if strings.IndexByte("-._:[]", c) < 0 {
			return false
		}
	}
	return host != ""
}

type color struct{ r, g, b uint8 }

// parseColor parses #rgb and #rrggbb.
func parseColor(s string) (color, bool) {
	if len(s) != 4 && len(s) != 7 || s[0] != '#' {
		return color{}, false
	}
	hex := s[1:]
	if len(hex) == 3 {
		hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
	}
	n, err := strconv.ParseUint(hex, 16, 24)
	if err != nil {
		return color{}, false
	}
	return color{uint8(n >> 16), uint8(n >> 8), uint8(n)}, true
}

// luminance returns the relative luminance as defined by WCAG 2.2.
func (c color) luminance() float64 {
	channel := func(v uint8) float64 {
		f := float64(v) / 255
		if f <= 0.04045 {
			return f / 12.92
		}
		return math.Pow((f+0.055)/1.055, 2.4)
	}
	return 0.2126*channel(c.r) + 0.7152*channel(c.g) + 0.0722*channel(c.b)
}
