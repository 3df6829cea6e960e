package schema

// Builtin reports whether name is a member that every user has: id, name,
// email, emailVerified or image.
func Builtin(name string) bool {
	switch name {
	case "id", "name", "email", "emailVerified", "image":
		return true
	}
	return false
}
