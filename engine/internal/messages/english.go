package messages

// Texts that several keys share in English.
const (
	signIn         = "Sign in"
	accountTaken   = "Please sign in the way you did before. The address of this account belongs to a user with another sign-in method."
	providerFailed = "Signing in with the other site was cancelled or did not work. Try again, or choose another way."
	cannotCreate   = "Your account could not be created. Try again, or choose another way to sign in."
)

// english maps all keys to their English texts. Names in braces are placeholders.
// No key is a parent of another one, so that the keys can also be used as paths
// of nested objects.
var english = map[string]string{
	// The sign-in page. The name is that of the provider.
	"signin.title":             signIn,
	"signin.with":              "Sign in with {name}",
	"signin.or":                "or",
	"signin.email-label":       "E-mail address",
	"signin.email-placeholder": "you@example.com",
	"signin.none":              "There is no way to sign in yet.",

	// The sign-out page.
	"signout.title":    "Sign out",
	"signout.question": "Are you sure you want to sign out?",
	"signout.button":   "Sign out",

	// The page that is shown after a sign-in link was sent by mail. The texts with
	// -host are used if the host of the site is known.
	"verify-request.title":         "Check your mail",
	"verify-request.sentence":      "A sign-in link is on its way to your e-mail address. Open it to finish signing in.",
	"verify-request.sentence-host": "A sign-in link is on its way to your e-mail address. Open it to finish signing in to {host}.",
	"verify-request.missing":       "No mail after a few minutes? Check your spam folder, or ask for another link.",
	"verify-request.back":          "Back to the site",
	"verify-request.back-host":     "Back to {host}",

	// The page that a sign-in link opens. The e-mail address follows the sentence,
	// on a separate line.
	"verify-email.title":         "Confirm sign-in",
	"verify-email.sentence":      "Sign in as",
	"verify-email.sentence-host": "Sign in to {host} as",
	"verify-email.button":        signIn,
	"verify-email.unexpected":    "If you did not ask for this mail, close this page. Nothing has happened.",

	// The form of another sign-in method.
	"form.button": "Continue",

	// The error page. Title, sentence and link are those of codes without a text
	// below.
	"error-page.title":      "Sign-in failed",
	"error-page.sentence":   "The sign-in did not work. Please try again.",
	"error-page.link":       "Try again",
	"error-page.quote":      "Give this number to the owner of the site, who can look it up in the server log.",
	"error-page.request-id": "Request",
	"error-page.code":       "Error",

	// Error codes of Auth.js, versions 5 and 4. The sentence is shown on the error
	// page and on the sign-in page; title, advice and the text of the link to the
	// sign-in page only on the error page.
	"error.Configuration.title":                "Something went wrong",
	"error.Configuration.sentence":             "The sign-in could not be completed because of a problem on this site.",
	"error.Configuration.advice":               "You did nothing wrong. Please try again in a moment. If the problem persists, tell the owner of the site.",
	"error.AccessDenied.title":                 "Access denied",
	"error.AccessDenied.sentence":              "You are not allowed to sign in with this account.",
	"error.AccessDenied.advice":                "If you have another account, sign in with that one. Otherwise ask the owner of the site for access.",
	"error.AccessDenied.link":                  "Use another account",
	"error.Verification.title":                 "This link no longer works",
	"error.Verification.sentence":              "The sign-in link has already been used, or it has expired.",
	"error.Verification.advice":                "A link works only once and for a limited time. Ask for a new one.",
	"error.Verification.link":                  "Get a new link",
	"error.WebAuthnVerificationError.sentence": "The passkey could not be verified. Please try again.",
	"error.CredentialsSignin.sentence":         "Those details did not match. Check them and try again.",
	"error.OAuthAccountNotLinked.sentence":     accountTaken,
	"error.AccountNotLinked.sentence":          accountTaken,
	"error.OAuthCallbackError.sentence":        providerFailed,
	"error.OAuthCallback.sentence":             providerFailed,
	"error.OAuthSignin.sentence":               providerFailed,
	"error.Callback.sentence":                  providerFailed,
	"error.OAuthCreateAccount.sentence":        cannotCreate,
	"error.EmailCreateAccount.sentence":        cannotCreate,
	"error.EmailSignin.sentence":               "The mail could not be sent. Check the address and try again.",
	"error.MissingCSRF.sentence":               "The page was open for too long, or cookies are blocked. Please try again.",
	"error.SessionRequired.title":              "Please sign in",
	"error.SessionRequired.sentence":           "Please sign in to see this page.",
	"error.SessionRequired.link":               signIn,
	"error.Signin.sentence":                    "The sign-in did not work. Try again, or choose another way.",

	// The error code for attempts that the limiter rejects. Auth.js has no such
	// code.
	"error.TooManyRequests.title":    "Too many attempts",
	"error.TooManyRequests.sentence": "Please wait a while before you try again.",

	// Responses to scripts, the message in {"message": …}. The texts with a version
	// are those of Auth.js.
	"json.signed-out":         "Sign in first.",
	"json.denied":             "Not allowed.",
	"json.too-many":           "Too many attempts. Try again later.",
	"json.body-too-large":     "The request body is larger than 64 KiB.",
	"json.callback-url":       "callbackUrl is not a path or an http(s) URL of at most 2048 bytes.",
	"json.misconfigured.v4":   "There is a problem with the server configuration. Check the server logs for more information.",
	"json.misconfigured.v5":   "There was a problem with the server configuration. Check the server logs for more information.",
	"json.update.not-object":  "update: data is not an object",
	"json.update.not-allowed": "update: the field {field} cannot be changed",
	"json.update.invalid":     "update: {reason}",
}
