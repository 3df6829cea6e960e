package engine

import (
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/internal/wire"
)

// Schema describes the extra fields of users, sessions and tokens. See
// [schema.Schema].
type Schema = schema.Schema

// Adapter stores users, accounts, sessions and verification tokens. See
// [store.Adapter].
type Adapter = store.Adapter

// User is a person. See [store.User].
type User = store.User

// Account links an account at a provider to a user. See [store.Account].
type Account = store.Account

// AdapterSession is a session stored by an [Adapter]. See [store.Session].
type AdapterSession = store.Session

// Token holds the claims of a jwt session token. See [schema.Token].
type Token = schema.Token

// Dialect is a major version of Auth.js on the wire: cookie names, session
// tokens, answers and error codes. The zero value is [DialectV5].
type Dialect = wire.Dialect

const (
	DialectV5 = wire.V5 // next-auth 5 and @auth/core
	DialectV4 = wire.V4 // next-auth 4
)
