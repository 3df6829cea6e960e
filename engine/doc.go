// Package engine is the authentication engine: it answers the endpoints of
// Auth.js, so that the unmodified next-auth/react client works against a Go
// server, and provides sessions to handlers.
//
// # Set-up
//
// [New] takes a [Config] with a secret, the ways to sign in ([OIDC], [OAuth2],
// [Credentials], [Email]) and, unless sessions are to live in a cookie only, an
// [Adapter]. It reports all problems of the configuration at once. The engine is
// an [http.Handler] for the paths below its base path:
//
//	mux.Handle("/api/auth/", eng)
//
// # Who is signed in
//
// [Engine.Session] returns the session in a handler. [Engine.Middleware] puts it
// into the context, where [SessionFrom] finds it. [Engine.Require] guards a
// handler and [Engine.Protect] the paths of a router: requests for pages are
// redirected to the sign-in page and back, all others get 401 as JSON.
//
// # Where sessions live
//
// With [StrategyJWT] a session is an encrypted cookie and cannot be revoked: a
// copy works after the sign-out until it expires, unless [Callbacks].JWT refuses
// it. With [StrategyDatabase], the default with an Adapter, it is a row: deleting
// the row ends it.
//
// # What the browser sees
//
// GET session returns the name, the address and the image of the user and the
// fields that the [Schema] marks as readable, whatever else a callback sets.
// update() of the client changes the fields that the Schema marks as writable.
//
// # Expired rows
//
// Sessions and e-mail tokens that expired more than a day ago are removed from
// the Adapter at intervals after a sign-in, see [Config].PurgeInterval, or by
// [Engine.Purge]. [Engine.Close] stops background work.
//
// # Behind a proxy
//
// Set AUTH_URL to the public URL. Without it, only requests to this machine
// (localhost) are answered, so that development needs no setting; with
// AUTH_TRUST_HOST=true, the proxy's X-Forwarded-Host and X-Forwarded-Proto are
// used instead.
//
// # Environment
//
// AUTH_SECRET (AUTH_SECRET_1 to _3 for older ones), AUTH_URL, AUTH_TRUST_HOST,
// and for a provider with the id "my-idp" AUTH_MY_IDP_ID, AUTH_MY_IDP_SECRET and
// AUTH_MY_IDP_ISSUER. NEXTAUTH_SECRET and NEXTAUTH_URL are used if AUTH_SECRET
// and AUTH_URL are not set. Fields of Config take precedence over the
// environment.
package engine
