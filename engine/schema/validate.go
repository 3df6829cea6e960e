package schema

import (
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"
)

// Validate returns all problems of the schema in one error, as by errors.Join,
// with one line for each, or nil if the schema is valid. The engine does not
// start with an invalid schema.
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
			v.report(at, "Client: token fields are never shown to the browser; move the field to Session")
		}
		v.noUserOnly(at, f)
	}
	for i := range s.Computed {
		f := &s.Computed[i]
		at := v.extra("Computed", f)
		v.member(at, f)
		if f.Client != Read {
			v.report(at, "Client: must be Read; computed fields exist for the browser to read")
		}
		if f.Default != nil || f.Was != nil {
			v.report(at, "Default, Was: computed fields are not stored")
		}
		v.noUserOnly(at, f)
	}
	return errors.Join(v.problems...)
}

// member rejects names of members that every session has.
func (v *validator) member(at string, f *Field) {
	switch f.Name {
	case "user", "expires", "sessionToken", "userId":
		v.report(at, "is a member that every session has")
	}
}

type validator struct {
	problems []error
	seen     map[string]string // where each name or earlier name is declared
}

func (v *validator) report(at, format string, args ...any) {
	v.problems = append(v.problems, errors.New("schema: "+at+": "+fmt.Sprintf(format, args...)))
}

// builtin checks an entry of Schema.User for a built-in field, which has only a
// Client.
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
		v.report(at, "Client: unknown access %d", f.Client)
	case f.Client == Write && (f.Name == "id" || f.Name == "email"):
		v.report(at, "Client: only name and image can have Write")
	}
}

// extra checks the rules for all declared fields. It returns the path of the
// field for error messages.
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
		v.report(at, "Client: unknown access %d", f.Client)
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
		v.report(at, "the name %q is already used by %s; names are unique across User, Session, Token and Computed", name, other)
		return
	}
	v.seen[name] = at
}

// name checks the name of an extra field and reports whether it is valid.
func (v *validator) name(at, section, name string) bool {
	switch {
	case name == "":
		v.report(at, "the name is empty")
	case !utf8.ValidString(name):
		v.report(section, "a name is not valid UTF-8")
	case name == "__proto__":
		v.report(at, "cannot be used as a name in JavaScript")
	case Builtin(name):
		v.report(at, "the name %q is a built-in user field", name)
	case defaultClaim(name) >= 0, name == "iss", name == "aud":
		v.report(at, "the name %q is a registered claim of session tokens", name)
	default:
		return true
	}
	return false
}

// typed checks the type, limit and default of a field or member.
func (v *validator) typed(at string, f *Field) {
	t := &f.Type
	if t.Kind > Object {
		v.report(at, "Type: unknown kind %d", t.Kind)
		return
	}
	if t.List && t.Nullable {
		v.report(at, "Type: a list cannot be nullable; use an empty list")
	}
	switch {
	case t.Kind != Enum && len(t.Enum) > 0:
		v.report(at, "Type: only an enum has values")
	case t.Kind == Enum && len(t.Enum) == 0:
		v.report(at, "Type: an enum needs values")
	}
	for i, value := range t.Enum {
		if value == "" || !utf8.ValidString(value) {
			v.report(at, "Type: value %d of the enum is empty or not valid UTF-8", i)
		}
		if slices.Contains(t.Enum[:i], value) {
			v.report(at, "Type: duplicate enum value %q", value)
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
				v.report(at, "cannot be used as a name in JavaScript")
			case members[name]:
				v.report(at, "duplicate member name %q", name)
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

// fallback checks that there is a value to use for a missing one.
func (v *validator) fallback(at string, f *Field) {
	if t := &f.Type; f.Default == nil && t.Kind == Enum && !t.List && !t.Nullable {
		v.report(at, "Default: a non-nullable enum needs one, because old sessions have no value; choose the one with the least privileges")
	}
}
