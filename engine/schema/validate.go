package schema

import (
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"
)

// Validate reports everything that is wrong with the schema in one error made
// by errors.Join, one line per problem; nil when nothing is. The engine refuses
// to start with a schema that does not pass.
func (s *Schema) Validate() error {
	if s == nil {
		return nil
	}
	var v validator
	v.seen = map[string]string{}
	for i := range s.User {
		f := &s.User[i]
		if Builtin(f.Name) {
			v.builtin(f)
			continue
		}
		at := v.extra("User", f)
		for provider, claim := range f.Profile {
			if provider == "" || claim == "" {
				v.report(at, "Profile: empty provider or claim")
			}
		}
	}
	for i := range s.Session {
		f := &s.Session[i]
		at := v.extra("Session", f)
		v.member(at, f)
		v.noUserOnly(at, f)
	}
	for i := range s.Token {
		f := &s.Token[i]
		at := v.extra("Token", f)
		if f.Shown() {
			v.report(at, "Client: a token field is never shown to the browser; move it to Session")
		}
		v.noUserOnly(at, f)
	}
	for i := range s.Computed {
		f := &s.Computed[i]
		at := v.extra("Computed", f)
		v.member(at, f)
		if f.Client != Read {
			v.report(at, "Client: a computed field is for the browser to read; set Read")
		}
		if f.Default != nil || f.Was != nil {
			v.report(at, "Default, Was: a computed field is not stored")
		}
		v.noUserOnly(at, f)
	}
	return errors.Join(v.problems...)
}

// member refuses the names of what every session has.
func (v *validator) member(at string, f *Field) {
	switch f.Name {
	case "user", "expires", "sessionToken", "userId":
		v.report(at, "is a member that every session has")
	}
}

type validator struct {
	problems []error
	seen     map[string]string // name or earlier name of a claim or column, to where it stands
}

func (v *validator) report(at, format string, args ...any) {
	v.problems = append(v.problems, errors.New("schema: "+at+": "+fmt.Sprintf(format, args...)))
}

// builtin checks an entry of Schema.User that is there for its Client only.
func (v *validator) builtin(f *Field) {
	at := "User." + f.Name
	v.unique(at, f.Name)
	if f.Name == "emailVerified" {
		v.report(at, "stays on the server; only id, name, email and image may be listed")
		return
	}
	if f.Type.Kind != String || f.Type.List || f.Type.Nullable || f.Type.Name != "" || f.Type.Enum != nil || f.Type.Fields != nil ||
		f.Default != nil || f.Max != 0 || f.Was != nil || f.Profile != nil || f.Token {
		v.report(at, "is built in: only Name, Client and Doc may be set")
	}
	switch {
	case f.Client > Write:
		v.report(at, "Client: no such access %d", f.Client)
	case f.Client == Write && (f.Name == "id" || f.Name == "email"):
		v.report(at, "Client: Write is possible for name and image only")
	}
}

// extra checks what holds for every declared field and returns where it stands.
func (v *validator) extra(section string, f *Field) string {
	at := section + "." + f.Name
	if v.name(at, section, f.Name) {
		v.unique(at, f.Name)
	}
	for _, was := range f.Was {
		if v.name(at+": Was", section, was) {
			v.unique(at+": Was", was)
		}
	}
	if f.Client > Write {
		v.report(at, "Client: no such access %d", f.Client)
	}
	v.typed(at, f)
	if section != "Computed" {
		v.fallback(at, f)
	}
	return at
}

func (v *validator) noUserOnly(at string, f *Field) {
	if f.Profile != nil {
		v.report(at, "Profile: only user fields are filled from a profile")
	}
	if f.Token {
		v.report(at, "Token: only user fields need it")
	}
}

func (v *validator) unique(at, name string) {
	if other, ok := v.seen[name]; ok {
		v.report(at, "the name %q is used by %s already; names are one set over User, Session, Token and Computed", name, other)
		return
	}
	v.seen[name] = at
}

// name reports whether name can be that of an extra field.
func (v *validator) name(at, section, name string) bool {
	switch {
	case name == "":
		v.report(at, "the name is empty")
	case !utf8.ValidString(name):
		v.report(section, "a name is not UTF-8")
	case name == "__proto__":
		v.report(at, "is not a usable name in JavaScript")
	case Builtin(name):
		v.report(at, "the name %q is a built-in user field", name)
	case defaultClaim(name) >= 0, name == "iss", name == "aud":
		v.report(at, "the name %q is a registered claim of session tokens", name)
	default:
		return true
	}
	return false
}

// typed checks type, limit and default of a field or member.
func (v *validator) typed(at string, f *Field) {
	t := &f.Type
	if t.Kind > Object {
		v.report(at, "Type: no such kind %d", t.Kind)
		return
	}
	if t.List && t.Nullable {
		v.report(at, "Type: a list is never null; use the empty list")
	}
	switch {
	case t.Kind != Enum && len(t.Enum) > 0:
		v.report(at, "Type: only an enum has values")
	case t.Kind == Enum && len(t.Enum) == 0:
		v.report(at, "Type: an enum needs values")
	}
	for i, value := range t.Enum {
		if value == "" || !utf8.ValidString(value) {
			v.report(at, "Type: value %d of the enum is empty or not UTF-8", i)
		}
		if slices.Contains(t.Enum[:i], value) {
			v.report(at, "Type: the enum value %q stands twice", value)
		}
	}
	switch {
	case t.Kind != Object && len(t.Fields) > 0:
		v.report(at, "Type: only an object has members")
	case t.Kind == Object && len(t.Fields) == 0:
		v.report(at, "Type: an object needs members")
	}
	members := map[string]bool{}
	for i := range t.Fields {
		m := &t.Fields[i]
		at := at + "." + m.Name
		for _, name := range append([]string{m.Name}, m.Was...) {
			switch {
			case name == "":
				v.report(at, "the name is empty")
			case name == "__proto__" || !utf8.ValidString(name):
				v.report(at, "is not a usable name in JavaScript")
			case members[name]:
				v.report(at, "the name %q stands twice in the object", name)
			}
			members[name] = true
		}
		v.typed(at, m)
		v.fallback(at, m)
	}
	switch {
	case f.Max < 0:
		v.report(at, "Max: negative")
	case f.Max > 0 && !t.List && t.Kind != String:
		v.report(at, "Max: only strings and lists have a limit")
	}
	if f.Default != nil {
		if _, bad := f.canon(f.Default); bad != nil {
			bad.in("Default")
			v.report(at, "%v", bad)
		}
	}
}

// fallback checks that there is a value where none is found.
func (v *validator) fallback(at string, f *Field) {
	if t := &f.Type; f.Default == nil && t.Kind == Enum && !t.List && !t.Nullable {
		v.report(at, "Default: an enum that is not nullable needs one (old sessions have no value); choose the one with the least rights")
	}
}
