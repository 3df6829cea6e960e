package wire

// Dialect is a major version of Auth.js on the wire. All dialects share the same
// code and differ in data only. The zero value is [V5].
type Dialect uint8

const (
	// V5 is next-auth 5, and everything else built on @auth/core (0.41).
	V5 Dialect = iota
	// V4 is next-auth 4 (4.24).
	V4
)

// dialect is the data of a Dialect (WIRE.md sections 3 and 4).
type dialect struct {
	name         string
	cookiePrefix string
	chunkSize    int
	encs         []string // accepted content encryptions; the first is used for new tokens
	kid          bool     // tokens name their key, and are tried with that key only
	info         string   // prefix of HKDF's info
	saltless     bool     // the salt of a session token is empty, and not part of info
	signedOut    string   // body of GET session when nobody is signed in
}

func (d Dialect) traits() *dialect {
	switch d {
	case V5:
		return &v5
	case V4:
		return &v4
	}
	panic("wire: unknown Dialect")
}

// The dialects are never modified.
var (
	v5 = dialect{
		name:         "v5",
		cookiePrefix: "authjs.",
		chunkSize:    3936,
		encs:         []string{encCBC, encGCM},
		kid:          true,
		info:         "Auth.js Generated Encryption Key",
		signedOut:    "null",
	}
	v4 = dialect{
		name:         "v4",
		cookiePrefix: "next-auth.",
		chunkSize:    3933,
		encs:         []string{encGCM},
		info:         "NextAuth.js Generated Encryption Key",
		saltless:     true,
		signedOut:    "{}",
	}
)

// Valid reports whether d is V5 or V4.
func (d Dialect) Valid() bool { return d <= V4 }

// String returns "v5" or "v4", or "unknown" for other values.
func (d Dialect) String() string {
	if !d.Valid() {
		return "unknown"
	}
	return d.traits().name
}
