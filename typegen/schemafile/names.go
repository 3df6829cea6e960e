package schemafile

import (
	"fmt"
	"slices"
	"strings"
)

// initialisms holds words that are written in capitals in Go names.
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

// words splits a name at changes of case and at punctuation: orgId, userIDs,
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

// fold returns the part of a name that must be unique: names with the same part
// would be one name in Go, or one column in a database that ignores case.
func fold(name string) string {
	return strings.ToLower(strings.ReplaceAll(name, "_", ""))
}

// reserved maps folded names that a field cannot have to what they are.
var reserved = map[string]string{
	"id": "a built-in user field", "name": "a built-in user field", "email": "a built-in user field",
	"emailverified": "a built-in user field", "image": "a built-in user field",

	"sub": "a registered claim of session tokens", "iat": "a registered claim of session tokens",
	"exp": "a registered claim of session tokens", "nbf": "a registered claim of session tokens",
	"jti": "a registered claim of session tokens", "iss": "a registered claim of session tokens",
	"aud": "a registered claim of session tokens", "picture": "a claim of every session token",
	"subject": "the id of the user in the generated Token", "issuedat": "a time in the generated Token",
	"notbefore": "a time in the generated Token",

	"user": "a member of every session", "expires": "a member of every session",
	"sessiontoken": "a column of every session", "userid": "a column of every session",

	"appendjson": "a method of the generated types", "marshaljson": "a method of the generated types",
	"unmarshaljson": "a method of the generated types", "constructor": "a name with a special meaning in JavaScript",
	"prototype": "a name with a special meaning in JavaScript", "proto": "a name with a special meaning in JavaScript",
}

// reservedTypes holds names that generated Go or TypeScript declares or uses.
var reservedTypes = []string{
	"Account", "Authorized", "AuthorizedParams", "Callbacks", "Computed", "Date", "DecodeSession", "DefaultSession", "JWT",
	"JWTParams", "NonNullable", "Omit", "Partial", "Profile", "ReadSession", "ReadToken", "ReadUpdate", "ReadUser", "Schema",
	"ServerSide", "ServerSideFrom", "Session", "SessionFields", "SessionFrom", "SessionParams", "SessionUpdate", "SessionUser",
	"SessionUserFields", "SignInParams", "Token", "TokenFrom", "Update", "UpdateData", "User", "WriteSession", "WriteToken",
	"WriteUser",
}

// didYouMean returns a hint with the word that was probably meant, or "".
func didYouMean(name string, among []string) string {
	if guess := nearest(name, among); guess != "" && guess != name {
		return fmt.Sprintf("did you mean %q?", guess)
	}
	return ""
}

// nearest returns the word that was probably meant, or "".
func nearest(name string, among []string) string {
	const maxLen = 64
	if name == "" || len(name) > maxLen {
		return ""
	}
	best, least := "", 1+min(2, len(name)/2)
	for _, word := range among {
		if len(word) > maxLen {
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

// distance returns the number of letters to insert, delete, replace or swap with
// their neighbor.
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
