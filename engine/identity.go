package engine

// Identity is the result of a way to sign in: the person, and the proven facts
// about them. The user is identified by the first of Account, Email and User.ID
// that is set.
type Identity struct {
	// Account is an account at a provider. It signs in the user it is linked to.
	// An unlinked account is linked to the signed-in user, else to a new one made
	// from User. The engine sets Type, Provider and UserID.
	Account *Account
	// Email is an address that the person has just proven to control. It signs in
	// the user who has it, else a new one. A user whose address was unverified
	// loses accounts that others may have prepared; see docs/deviations.md.
	Email string
	// User is the recognised user, by its ID; or, with Account or CreateUser, the
	// user to be created. Without database sessions a user with an ID need not be
	// stored: the token then holds the fields given here, or the stored ones if only
	// the ID is given. With Account, the engine generates an empty ID and normalises
	// the address, and EmailVerified means that the provider vouches for it.
	User User
	// CreateUser creates User if no user has its ID and the session strategy is
	// StrategyDatabase. The same person must have the same ID at every sign-in.
	CreateUser bool
	// Profile and Tokens are for the callbacks.
	Profile Profile
	Tokens  *Tokens

	credentials map[string]string // for the signIn callback
	linkByEmail bool              // AllowDangerousEmailAccountLinking
}
