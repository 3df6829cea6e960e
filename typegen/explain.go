package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/typegen/internal/emit"
	"github.com/sesame-auth/sesame/typegen/schemafile"
)

func (t *tool) explain(args []string) (int, error) {
	set := t.flags("explain", " FIELD", "Explains who sees a field, who sets it and where it is stored. FIELD is a name such\nas role, user.role or session.theme.")
	rest, err := t.parse(set, args, 1)
	if err != nil {
		return exitError, err
	}
	if len(rest) == 0 {
		return exitError, errors.New("explain: no field given; run for example: go tool typegen explain role")
	}
	f, _, err := t.load()
	if err != nil {
		return exitError, err
	}
	section, name, ok := strings.Cut(rest[0], ".")
	if !ok {
		section, name = "", rest[0]
	}
	var known []string
	for _, s := range fields(f) {
		if s.field.Name == name && (section == "" || section == s.section) {
			fmt.Fprint(t.stdout, explanation(f, s))
			return exitOK, nil
		}
		known = append(known, s.title())
	}
	return exitError, fmt.Errorf("explain: no field %q; the fields are %s", rest[0], strings.Join(known, ", "))
}

func explanation(f *schemafile.File, s sectionField) string {
	field := s.field
	var b strings.Builder
	line := func(label, format string, args ...any) {
		fmt.Fprintf(&b, "  %-10s %s\n", label, fmt.Sprintf(format, args...))
	}
	access := emit.Access(f, field)
	typ := emit.TypeName(field.Type)
	if field.Builtin() {
		typ = "built in"
	}
	fmt.Fprintf(&b, "%s.%s: %s\n", s.section, field.Name, typ)
	if field.Doc != "" {
		line("about", "%s", strings.ReplaceAll(field.Doc, "\n", "\n             "))
	}
	if field.Deprecated != "" {
		line("deprecated", "%s", field.Deprecated)
	}
	switch {
	case field.Builtin():
		line("stored in", "the users table and the session token")
	case s.section == "user" && field.InToken():
		line("stored in", "the users table (%s); with the jwt strategy also in the encrypted session token", field.Name)
	case s.section == "user":
		line("stored in", "the users table (%s) only", field.Name)
	case s.section == "session":
		line("stored in", "the sessions table (%s), or the encrypted session token with the jwt strategy", field.Name)
	case s.section == "token":
		line("stored in", "the encrypted session token only, with the jwt strategy")
	default:
		line("stored in", "nowhere: computed on each read")
	}
	where := "session." + field.Name
	if s.section == "user" {
		where = "session.user." + field.Name
	}
	switch access {
	case "none":
		line("browser", "cannot see or set it: update() with it fails with status 400")
	case "read":
		line("browser", "sees %s but cannot set it: update() with it fails with status 400", where)
	case "write":
		line("browser", "sees %s and sets it with update({ %s: … })", where, field.Name)
	}
	line("Go", "%s", strings.Join(s.inGo(), ", "))
	switch {
	case field.Builtin():
	case s.section == "computed":
		line("set by", "your code: the method %s of Computed", field.GoName())
	default:
		by := []string{"your code"}
		if access == "write" {
			by = append(by, "the browser (checked)")
		}
		for _, provider := range slices.Sorted(maps.Keys(field.Profile)) {
			by = append(by, fmt.Sprintf("the claim %s of %s at the first sign-in", field.Profile[provider], provider))
		}
		line("set by", "%s; nothing else", strings.Join(by, "; "))
		line("default", "%s, if there is no value or one that does not fit", schema.AppendJSON(nil, field.Zero()))
	}
	if len(field.Type.Enum) > 0 {
		line("values", "%s", strings.Join(field.Type.Enum, ", "))
	}
	if field.Max > 0 {
		unit := "bytes"
		if field.Type.List {
			unit = "items"
		}
		line("max", "%d %s", field.Max, unit)
	}
	if len(field.Was) > 0 {
		line("was", "%s; still read from old sessions", strings.Join(field.Was, ", "))
	}
	return b.String()
}

// inGo lists the names of a field in the generated Go.
func (s sectionField) inGo() []string {
	name, shown := s.field.GoName(), s.field.Shown()
	switch {
	case s.field.Builtin():
		return []string{"Session.User." + name}
	case s.section == "user" && shown:
		return []string{"User." + name, "Session.User." + name, "Token." + name}
	case s.section == "user" && s.field.Token:
		return []string{"User." + name, "ServerSide." + name, "Token." + name}
	case s.section == "user":
		return []string{"User." + name}
	case s.section == "session" && shown:
		return []string{"Session." + name, "Token." + name}
	case s.section == "session":
		return []string{"ServerSide." + name, "Token." + name}
	case s.section == "token":
		return []string{"Token." + name}
	}
	return []string{"Session." + name, "supplied by Computed." + name}
}
