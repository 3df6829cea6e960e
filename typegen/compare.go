package main

import (
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/typegen/internal/emit"
	"github.com/sesame-auth/sesame/typegen/schemafile"
)

// compare runs check -against.
func (t *tool) compare(f *schemafile.File, warnings schemafile.Diagnostics, against, allow string) (int, error) {
	old, err := t.older(against)
	if err != nil {
		return exitError, err
	}
	changes := compare(old, f)
	allowed := map[string]bool{}
	for name := range strings.SplitSeq(allow, ",") {
		if name = strings.TrimSpace(name); name != "" {
			allowed[name] = true
		}
	}
	code := exitOK
	for i := range changes {
		c := &changes[i]
		if c.Allowed = c.Risk && allowed[c.Field]; c.Risk && !c.Allowed {
			code = exitFound
		}
	}
	t.report(warnings, nil, changes)
	if t.json {
		return code, nil
	}
	for _, c := range changes {
		mark := "ok     "
		switch {
		case c.Allowed:
			mark = "allowed"
		case c.Risk:
			mark = "RISK   "
		}
		fmt.Fprintf(t.stdout, "%s %s: %s\n", mark, c.Field, c.Message)
	}
	if code == exitFound {
		fmt.Fprintln(t.stdout, "if a change is intended, list its field: -allow "+changes[slices.IndexFunc(changes, func(c change) bool { return c.Risk && !c.Allowed })].Field)
	}
	return code, nil
}

// older reads the earlier version of the schema.
func (t *tool) older(against string) (*schemafile.File, error) {
	if against != "-" {
		f, _, err := schemafile.Load(against)
		return f, err
	}
	src, err := io.ReadAll(io.LimitReader(t.stdin, schemafile.MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("reading standard input: %w", err)
	}
	f, found := schemafile.Parse("(standard input)", src)
	if f == nil {
		return nil, found
	}
	return f, nil
}

// change is a difference between two versions of a schema.
type change struct {
	Field   string `json:"field"`   // user.role, theme
	Risk    bool   `json:"risk"`    // needs review
	Allowed bool   `json:"allowed"` // listed by -allow
	Message string `json:"message"`
}

// sectionField is a field with its section.
type sectionField struct {
	section string
	field   *schemafile.Field
}

// title returns the name of a field in messages: user.role, theme.
func (s sectionField) title() string {
	if s.section == "user" {
		return "user." + s.field.Name
	}
	return s.field.Name
}

// fields returns all fields of a file, in order.
func fields(f *schemafile.File) []sectionField {
	var out []sectionField
	for _, s := range []struct {
		name   string
		fields []schemafile.Field
	}{{"user", f.User}, {"session", f.Session}, {"token", f.Token}, {"computed", f.Computed}} {
		for i := range s.fields {
			out = append(out, sectionField{s.name, &s.fields[i]})
		}
	}
	return out
}

// compare returns the changes from old to now: first those of the old fields, in
// their order, then the new fields.
func compare(old, now *schemafile.File) []change {
	var changes []change
	add := func(risk bool, s sectionField, format string, args ...any) {
		changes = append(changes, change{Field: s.title(), Risk: risk, Message: fmt.Sprintf(format, args...)})
	}
	current := fields(now)
	kept := map[*schemafile.Field]bool{}
	for _, was := range fields(old) {
		i := slices.IndexFunc(current, func(s sectionField) bool { return s.field.Name == was.field.Name })
		if i < 0 {
			i = slices.IndexFunc(current, func(s sectionField) bool { return slices.Contains(s.field.Was, was.field.Name) })
			if i >= 0 {
				add(true, current[i], "was %s: old sessions are still read, but your migration must rename the column, and front ends must use the new name", was.title())
			}
		}
		if i < 0 {
			switch {
			case was.field.Builtin():
				if before, after := emit.Access(old, was.field), emit.Access(now, was.field); before != after {
					add(true, was, "is no longer listed: the browser's access changed from %s to %s", before, after)
				}
			default:
				add(true, was, "was removed: old sessions and rows lose it, and front ends no longer find it; deprecate it first, and list it in was of its successor")
			}
			continue
		}
		is := current[i]
		kept[is.field] = true
		compareField(old, now, was, is, add)
	}
	for _, s := range current {
		if kept[s.field] {
			continue
		}
		if s.field.Builtin() {
			if before, after := emit.Access(old, s.field), emit.Access(now, s.field); before != after {
				add(before == "none" || after != "none" && before != "write" && after == "write" || after == "none", s, "the browser's access changed from %s to %s", before, after)
			}
			continue
		}
		add(false, s, "is new")
	}
	return changes
}

func compareField(old, now *schemafile.File, was, is sectionField, add func(bool, sectionField, string, ...any)) {
	if was.section != is.section {
		add(true, is, "moved from %s to %s: stored values do not move with it", was.section, is.section)
	}
	a, b := was.field, is.field
	if x, y := emit.TypeName(a.Type), emit.TypeName(b.Type); x != y {
		nullable := a.Type
		nullable.Nullable = true
		if reflect.DeepEqual(nullable, b.Type) {
			add(true, is, "the type changed from %s to %s: code must now expect null", x, y)
		} else {
			add(true, is, "the type changed from %s to %s: stored values that do not fit are read as the default", x, y)
		}
	} else {
		for _, m := range narrowed(a.Type, b.Type) {
			add(true, is, "%s", m)
		}
		for _, m := range narrowed(b.Type, a.Type) {
			if rest, ok := strings.CutPrefix(m, "lost "); ok {
				add(false, is, "gained %s", rest)
			}
		}
	}
	before, after := emit.Access(old, a), emit.Access(now, b)
	if before != after {
		add(true, is, "the browser's access changed from %s to %s", before, after)
	}
	if b.Max != 0 && (a.Max == 0 || a.Max > b.Max) {
		add(true, is, "max decreased to %d: longer stored values are read as the default", b.Max)
	}
	if !reflect.DeepEqual(a.Zero(), b.Zero()) && emit.TypeName(a.Type) == emit.TypeName(b.Type) && was.section != "computed" {
		add(true, is, "the default changed from %s to %s, also for old sessions and rows without a value", schema.AppendJSON(nil, a.Zero()), schema.AppendJSON(nil, b.Zero()))
	}
	for provider, claim := range a.Profile {
		if b.Profile[provider] == "" {
			add(false, is, "is no longer filled from the claim %s of %s", claim, provider)
		}
	}
	if !reflect.DeepEqual(a.Profile, b.Profile) && len(b.Profile) > 0 {
		add(true, is, "is filled from different claims of providers")
	}
	if a.Token != b.Token {
		add(false, is, "token changed from %t to %t", a.Token, b.Token)
	}
}

// narrowed describes which values of a no longer fit b, a type with the same name.
func narrowed(a, b schema.Type) []string {
	var out []string
	for _, v := range a.Enum {
		if len(b.Enum) > 0 && !slices.Contains(b.Enum, v) {
			out = append(out, fmt.Sprintf("lost the value %s", v))
		}
	}
	if b.Kind == schema.Object {
		for _, m := range a.Fields {
			i := slices.IndexFunc(b.Fields, func(f schema.Field) bool { return f.Name == m.Name || slices.Contains(f.Was, m.Name) })
			switch {
			case i < 0:
				out = append(out, fmt.Sprintf("lost the member %s", m.Name))
			case emit.TypeName(m.Type) != emit.TypeName(b.Fields[i].Type):
				out = append(out, fmt.Sprintf("the member %s changed from %s to %s", m.Name, emit.TypeName(m.Type), emit.TypeName(b.Fields[i].Type)))
			default:
				for _, inner := range narrowed(m.Type, b.Fields[i].Type) {
					out = append(out, inner+" of "+m.Name)
				}
			}
		}
	}
	return out
}
