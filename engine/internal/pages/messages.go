package pages

// text is what a page says about an error code.
type text struct {
	title    string // of the error page
	sentence string // on both pages
	advice   string // on the error page, below the sentence
	link     string // to the sign-in page; "" is "Sign in"
	known    bool
}

// message returns the text of a public error code (WIRE.md section 9, v5 and
// v4), the general one for any other.
func message(code string) text {
	t := text{title: "Sign-in failed", known: true, link: "Try again"}
	switch code {
	// Shown on the error page.
	case "Configuration":
		t.title = "Something went wrong"
		t.sentence = "The sign-in could not be completed because of a problem on this site."
		t.advice = "It is nothing you did. Please try again in a moment. If it keeps happening, tell the owner of the site."
	case "AccessDenied":
		t.title = "Access denied"
		t.sentence = "You are not allowed to sign in with this account."
		t.advice = "If you have another account, sign in with that one. Otherwise ask the owner of the site for access."
		t.link = "Use another account"
	case "Verification":
		t.title = "This link no longer works"
		t.sentence = "The sign-in link has been used already, or it has expired."
		t.advice = "A link works only once and for a limited time. Ask for a new one."
		t.link = "Get a new link"
	case "WebAuthnVerificationError":
		t.sentence = "The passkey could not be verified. Please try again."

	// Shown on the sign-in page.
	case "CredentialsSignin":
		t.sentence = "Those details did not match. Check them and try again."
	case "OAuthAccountNotLinked", "AccountNotLinked":
		t.sentence = "Please sign in the way you did before: the address of this account belongs to a user with another sign-in method."
	case "OAuthCallbackError", "OAuthCallback", "OAuthSignin", "Callback":
		t.sentence = "Signing in with the other site was cancelled or did not work. Try again, or choose another way."
	case "OAuthCreateAccount", "EmailCreateAccount":
		t.sentence = "Your account could not be created. Try again, or choose another way to sign in."
	case "EmailSignin":
		t.sentence = "The mail could not be sent. Check the address and try again."
	case "MissingCSRF":
		t.sentence = "The page had been open for too long, or cookies are blocked. Please try again."
	case "SessionRequired":
		t.title = "Please sign in"
		t.sentence = "Please sign in to see this page."
		t.link = ""
	case "Signin":
		t.sentence = "The sign-in did not work. Try again, or choose another way."

	default:
		t.known = false
		t.sentence = "The sign-in did not work. Please try again."
	}
	return t
}
