package schemafile

import (
	"fmt"
	"slices"
	"strings"
)

// initialisms are written in capitals in Go names.
var initialisms = []string{
	"ACL", "API", "ASCII", "CPU", "CSS", "DB", "DNS", "EOF", "GUID", "HTML", "HTTP", "HTTPS", "ID", "IP", "JSON", "QPS", "RAM",
	"RPC", "SLA", "SMTP", "SQL", "SSH", "TCP", "TLS", "TTL", "UDP", "UI", "UID", "URI", "URL", "UTF8", "UUID", "VM", "XML",
}

// GoName returns the exported Go name of a field or an enum value: orgId is
// OrgID, plan_v2 is PlanV2, super-admin is SuperAdmin.
func GoName(name string) string {
	var b strings.Builder
	for _, word := range words(name) {
		if upper := strings.ToUpper(word); slices.Contains(initialisms, upper) {
			b.WriteString(upper)
			continue
		}
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

// SnakeName returns the name of the column of a field: orgId is org_id.
func SnakeName(name string) string {
	parts := words(name)
	for i := range parts {
		parts[i] = strings.ToLower(parts[i])
	}
	return strings.Join(parts, "_")
}

// words cuts a name where its case or its punctuation says so: orgId, userIDs,
// HTTPServer, plan_v2.
func words(name string) []string {
	var out []string
	start := -1
	for i := 0; i <= len(name); i++ {
		switch {
		case i == len(name) || !letter(name[i]) && !digit(name[i]):
			if start >= 0 {
				out = append(out, name[start:i])
			}
			start = -1
		case start < 0:
			start = i
		case upper(name[i]) && (!upper(name[i-1]) || i+2 < len(name) && lower(name[i+1]) && lower(name[i+2])):
			out = append(out, name[start:i])
			start = i
		}
	}
	return out
}

func upper(c byte) bool  { return 'A' <= c && c <= 'Z' }
func lower(c byte) bool  { return 'a' <= c && c <= 'z' }
func digit(c byte) bool  { return '0' <= c && c <= '9' }
func letter(c byte) bool { return upper(c) || lower(c) }

// fold is what two names must not share: they would be one name in Go, or one
// column where case does not count.
func fold(name string) string {
	return strings.ToLower(strings.ReplaceAll(name, "_", ""))
}

// reserved says of folded names why a field cannot have them.
var reserved = map[string]string{
	"id": "a built-in user field", "name": "a built-in user field", "email": "a built-in user field",
	"emailverified": "a built-in user field", "image": "a built-in user field",

	"sub": "a registered claim of session tokens", "iat": "a registered claim of session tokens",
	"exp": "a registered claim of session tokens", "nbf": "a registered claim of session tokens",
	"jti": "a registered claim of session tokens", "iss": "a registered claim of session tokens",
	"aud": "a registered claim of session tokens", "picture": "a claim that every session token has",
	"subject": "the user's id in the generated Token", "issuedat": "a time in the generated Token",
	"notbefore": "a time in the generated Token",

	"user": "a member that every session has", "expires": "a member that every session has",
	"sessiontoken": "a column that every session has", "userid": "a column that every session has",

	"appendjson": "a method of the generated types", "marshaljson": "a method of the generated types",
	"unmarshaljson": "a method of the generated types", "constructor": "a name with a meaning of its own in JavaScript",
	"prototype": "a name with a meaning of its own in JavaScript", "proto": "a name with a meaning of its own in JavaScript",
}

// reservedTypes are names that generated Go or TypeScript declares or uses
// itself.
var reservedTypes = []string{
	"Account", "Authorized", "AuthorizedParams", "Callbacks", "Computed", "Date", "DecodeSession", "DefaultSession", "JWT",
	"JWTParams", "NonNullable", "Omit", "Partial", "Profile", "ReadSession", "ReadToken", "ReadUpdate", "ReadUser", "Schema",
	"ServerSide", "ServerSideFrom", "Session", "SessionFields", "SessionFrom", "SessionParams", "SessionUpdate", "SessionUser",
	"SessionUserFields", "SignInParams", "Token", "TokenFrom", "Update", "UpdateData", "User", "WriteSession", "WriteToken",
	"WriteUser",
}

// didYouMean is the hint that name was meant as another word, or "".
func didYouMean(name string, among []string) string {
	if guess := nearest(name, among); guess != "" && guess != name {
		return fmt.Sprintf("did you mean %q?", guess)
	}
	return ""
}

// nearest returns the word that was probably meant, or "".
func nearest(name string, among []string) string {
	const longest = 64
	if name == "" || len(name) > longest {
		return ""
	}
	best, least := "", 1+min(2, len(name)/2)
	for _, word := range among {
		if len(word) > longest {
			continue
		}
		d := distance(strings.ToLower(name), strings.ToLower(word))
		if d < least || d == least && best != "" && word < best {
			best, least = word, d
		}
	}
	if best == "" {
		for _, word := range among { // "perm" for "permissions"
			if len(name) >= 3 && strings.HasPrefix(strings.ToLower(word), strings.ToLower(name)) {
				return word
			}
		}
	}
	return best
}

// distance is how many letters to insert, drop, change or swap with their
// neighbour.
func distance(a, b string) int {
	var before, last []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row = last, row, make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}
