package wire

// Dialect is a major version of Auth.js on the wire. All of them go through the
// same code; what differs is data. The zero value is [V5].
type Dialect uint8

const (
	// V5 is next-auth 5 and what else runs on @auth/core (0.41).
	V5 Dialect = iota
	// V4 is next-auth 4 (4.24).
	V4
)

// dialect is what differs between the versions (WIRE.md sections 3 and 4).
type dialect struct {
	name      string
	cookies   string // what cookie names begin with
	chunkSize int
	encs      []string // content encryptions that are read; the first is written
	kid       bool     // tokens name their key, and are tried with that one only
	info      string   // what HKDF's info begins with
	saltless  bool     // the salt of a session token is empty, and not in info
	signedOut string   // the body of GET session of nobody
}

func (d Dialect) traits() *dialect {
	switch d {
	case V5:
		return &v5
	case V4:
		return &v4
	}
	panic("wire: there is no such Dialect")
}

// Never written to.
var (
	v5 = dialect{
		name:      "v5",
		cookies:   "authjs.",
		chunkSize: 3936,
		encs:      []string{encCBC, encGCM},
		kid:       true,
		info:      "Auth.js Generated Encryption Key",
		signedOut: "null",
	}
	v4 = dialect{
		name:      "v4",
		cookies:   "next-auth.",
		chunkSize: 3933,
		encs:      []string{encGCM},
		info:      "NextAuth.js Generated Encryption Key",
		saltless:  true,
		signedOut: "{}",
	}
)

// Valid reports whether there is such a dialect.
func (d Dialect) Valid() bool { return d <= V4 }

// String returns "v5" or "v4".
func (d Dialect) String() string {
	if !d.Valid() {
		return "unknown"
	}
	return d.traits().name
}
