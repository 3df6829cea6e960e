// Package engine is the authentication engine: it answers the endpoints of
// Auth.js, so that the unmodified next-auth/react client works against a Go
// server, and tells handlers who is signed in.
//
// # Set-up
//
// [New] takes a [Config] with a secret, the ways to sign in ([OIDC], [OAuth2],
// [Credentials], [Email]) and, unless everything is to live in a cookie, an
// [Adapter]. It names every problem of the configuration at once. The engine is
// an [http.Handler] for everything below its base path:
//
//	mux.Handle("/api/auth/", eng)
//
// # Who is signed in
//
// [Engine.Session] answers it in a handler. [Engine.Middleware] puts the
// session into the context, where [SessionFrom] finds it. [Engine.Require]
// guards a handler and [Engine.Protect] the paths of a router: pages are sent
// to the sign-in page and come back, everything else gets 401 as JSON.
//
// # Where sessions live
//
// With [StrategyJWT] a session is an encrypted cookie and cannot be called
// back: a signed-out copy works until it expires, unless [Callbacks].JWT
// refuses it. With [StrategyDatabase], the default where there is an Adapter, it
// is a row: deleting the row ends it.
//
// # What the browser sees
//
// GET session shows the name, the address and the image of the user and the
// fields that the [Schema] marks as readable, nothing else, whatever a callback
// sets. update() of the client changes the fields that it marks as writable.
//
// # What has expired
//
// Sessions and e-mail tokens that expired more than a day ago are removed from
// the Adapter now and then after a sign-in, see [Config].PurgeInterval, or by
// [Engine.Purge] when the application says so. [Engine.Close] ends what the
// engine does in the background.
//
// # Behind a proxy
//
// Set AUTH_URL to the public URL. Without it, only requests to this machine
// (localhost) are answered, so that development needs no setting; with
// AUTH_TRUST_HOST=true the proxy's X-Forwarded-Host and X-Forwarded-Proto count.
//
// # Environment
//
// AUTH_SECRET (AUTH_SECRET_1 to _3 for older ones), AUTH_URL, AUTH_TRUST_HOST,
// and for a provider with the id "my-idp" AUTH_MY_IDP_ID, AUTH_MY_IDP_SECRET and
// AUTH_MY_IDP_ISSUER. NEXTAUTH_SECRET and NEXTAUTH_URL are read where the former
// are not set. A field of Config wins over the environment.
package engine
