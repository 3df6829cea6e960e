package redis

import (
	"crypto/sha1"
	"encoding/hex"
)

// script is a Lua script. ARGV[1] is the hash tag with its colon; the arguments of
// the script follow. A script makes all checks before it writes, so that it has
// no effect unless it succeeds, and replies with one of
//
//	nil                    there is no such row
//	{'taken', field}       a unique value is taken
//	{'stale'}              a counter would not increase
//	{'ok', row...}         each row as the flat list of HGETALL
type script struct{ name, text, sha string }

func newScript(name, text string) script {
	text = prelude + text
	sum := sha1.Sum([]byte(text))
	return script{name: name, text: text, sha: hex.EncodeToString(sum[:])}
}

const prelude = `local tag = ARGV[1]

-- change sets the n pairs of ARGV from position i on, and removes the fields that follow them.
local function change(key, i, n)
  local last = i + 2 * n - 1
  if n > 0 then redis.call('HSET', key, unpack(ARGV, i, last)) end
  if #ARGV > last then redis.call('HDEL', key, unpack(ARGV, last + 1)) end
end

-- index adds a session to the list of its user, sorted by expiry. It drops expired sessions from the list, which expires with its last one.
local function index(list, token, at)
  local time = redis.call('TIME')
  redis.call('ZADD', list, at, token)
  redis.call('ZREMRANGEBYSCORE', list, '-inf', '(' .. string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)))
  local last = redis.call('ZRANGE', list, -1, -1, 'WITHSCORES')
  if last[2] then redis.call('PEXPIREAT', list, string.format('%.0f', last[2])) end
end

-- delete_sessions removes the sessions in the list of a user. Another user may by now have a token that expired.
local function delete_sessions(list, user)
  for _, token in ipairs(redis.call('ZRANGE', list, 0, -1)) do
    local key = tag .. 'session:' .. token
    if redis.call('HGET', key, 'userId') == user then redis.call('DEL', key) end
  end
  redis.call('DEL', list)
end

-- rows reads the rows of a kind whose keys a set holds.
local function rows(kind, set)
  local found = {'ok'}
  for _, member in ipairs(redis.call('SMEMBERS', set)) do
    found[#found + 1] = redis.call('HGETALL', tag .. kind .. ':' .. member)
  end
  return found
end

`

var (
	// KEYS: user, [email]. ARGV: id, field, value, ...
	createUser = newScript("create user", `
if redis.call('EXISTS', KEYS[1]) == 1 then return {'taken', 'id'} end
if KEYS[2] and redis.call('EXISTS', KEYS[2]) == 1 then return {'taken', 'email'} end
redis.call('HSET', KEYS[1], unpack(ARGV, 3))
if KEYS[2] then redis.call('SET', KEYS[2], ARGV[2]) end
return {'ok'}
`)

	// KEYS: user, account, the user's accounts, [email]. ARGV: id, member,
	// number of pairs of the user, field, value, ..., the pairs of the account.
	createUserWithAccount = newScript("create user with account", `
if redis.call('EXISTS', KEYS[1]) == 1 then return {'taken', 'id'} end
if KEYS[4] and redis.call('EXISTS', KEYS[4]) == 1 then return {'taken', 'email'} end
if redis.call('EXISTS', KEYS[2]) == 1 then return {'taken', 'providerAccountId'} end
local last = 4 + 2 * tonumber(ARGV[4])
redis.call('HSET', KEYS[1], unpack(ARGV, 5, last))
redis.call('HSET', KEYS[2], unpack(ARGV, last + 1))
redis.call('SADD', KEYS[3], ARGV[3])
if KEYS[4] then redis.call('SET', KEYS[4], ARGV[2]) end
return {'ok'}
`)

	// KEYS: row.
	getRow = newScript("get row", `
local row = redis.call('HGETALL', KEYS[1])
if #row == 0 then return false end
return {'ok', row}
`)

	// KEYS: email.
	getUserByEmail = newScript("get user by email", `
local id = redis.call('GET', KEYS[1])
if not id then return false end
return {'ok', redis.call('HGETALL', tag .. 'user:' .. id)}
`)

	// KEYS: user, [new email]. ARGV: id, whether the email changes, number of
	// pairs, field, value, ..., field to clear, ...
	updateUser = newScript("update user", `
if redis.call('EXISTS', KEYS[1]) == 0 then return false end
if KEYS[2] then
  local owner = redis.call('GET', KEYS[2])
  if owner and owner ~= ARGV[2] then return {'taken', 'email'} end
end
if ARGV[3] == '1' then
  local old = redis.call('HGET', KEYS[1], 'email')
  if old then redis.call('DEL', tag .. 'email:' .. old) end
  if KEYS[2] then redis.call('SET', KEYS[2], ARGV[2]) end
end
change(KEYS[1], 5, tonumber(ARGV[4]))
return {'ok', redis.call('HGETALL', KEYS[1])}
`)

	// KEYS: user, accounts, sessions, authenticators. ARGV: id.
	deleteUser = newScript("delete user", `
local email = redis.call('HGET', KEYS[1], 'email')
if email then redis.call('DEL', tag .. 'email:' .. email) end
for _, member in ipairs(redis.call('SMEMBERS', KEYS[2])) do redis.call('DEL', tag .. 'account:' .. member) end
for _, member in ipairs(redis.call('SMEMBERS', KEYS[4])) do redis.call('DEL', tag .. 'authenticator:' .. member) end
delete_sessions(KEYS[3], ARGV[2])
redis.call('DEL', KEYS[1], KEYS[2], KEYS[4])
return {'ok'}
`)

	// KEYS: row, user, set of the user's rows. ARGV: member, name of the unique
	// field, field, value, ...
	createOwned = newScript("create row of a user", `
if redis.call('EXISTS', KEYS[1]) == 1 then return {'taken', ARGV[3]} end
if redis.call('EXISTS', KEYS[2]) == 0 then return false end
redis.call('HSET', KEYS[1], unpack(ARGV, 4))
redis.call('SADD', KEYS[3], ARGV[2])
return {'ok'}
`)

	// KEYS: account. ARGV: member.
	unlinkAccount = newScript("unlink account", `
local user = redis.call('HGET', KEYS[1], 'userId')
if not user then return false end
redis.call('DEL', KEYS[1])
redis.call('SREM', tag .. 'accounts:' .. user, ARGV[2])
return {'ok'}
`)

	// KEYS: account.
	getUserByAccount = newScript("get user by account", `
local user = redis.call('HGET', KEYS[1], 'userId')
if not user then return false end
return {'ok', redis.call('HGETALL', tag .. 'user:' .. user)}
`)

	// KEYS: set.
	listAccounts       = newScript("list accounts", `return rows('account', KEYS[1])`)
	listAuthenticators = newScript("list authenticators", `return rows('authenticator', KEYS[1])`)

	// KEYS: session, the user's sessions, [user]. ARGV: token, expiry in
	// milliseconds, field, value, ...
	createSession = newScript("create session", `
if redis.call('EXISTS', KEYS[1]) == 1 then return {'taken', 'sessionToken'} end
if KEYS[3] and redis.call('EXISTS', KEYS[3]) == 0 then return false end
redis.call('HSET', KEYS[1], unpack(ARGV, 4))
redis.call('PEXPIREAT', KEYS[1], ARGV[3])
index(KEYS[2], ARGV[2], ARGV[3])
return {'ok'}
`)

	// KEYS: session.
	getSessionAndUser = newScript("get session and user", `
local session = redis.call('HGETALL', KEYS[1])
for i = 1, #session, 2 do
  if session[i] == 'userId' then
    local user = redis.call('HGETALL', tag .. 'user:' .. session[i + 1])
    if #user > 0 then return {'ok', session, user} end
  end
end
return false
`)

	// KEYS: session. ARGV: token, expiry in milliseconds or empty, number of
	// pairs, field, value, ..., field to clear, ...
	updateSession = newScript("update session", `
local user = redis.call('HGET', KEYS[1], 'userId')
if not user then return false end
change(KEYS[1], 5, tonumber(ARGV[4]))
local row = redis.call('HGETALL', KEYS[1])
if ARGV[3] ~= '' then
  redis.call('PEXPIREAT', KEYS[1], ARGV[3])
  index(tag .. 'sessions:' .. user, ARGV[2], ARGV[3])
end
return {'ok', row}
`)

	// KEYS: session. ARGV: token.
	deleteSession = newScript("delete session", `
local user = redis.call('HGET', KEYS[1], 'userId')
if not user then return false end
redis.call('DEL', KEYS[1])
redis.call('ZREM', tag .. 'sessions:' .. user, ARGV[2])
return {'ok'}
`)

	// KEYS: the user's sessions. ARGV: user id.
	deleteSessions = newScript("delete sessions", `
delete_sessions(KEYS[1], ARGV[2])
return {'ok'}
`)

	// KEYS: the user's sessions. ARGV: user id.
	listSessions = newScript("list sessions", `
local found = {'ok'}
for _, token in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local key = tag .. 'session:' .. token
  if redis.call('HGET', key, 'userId') == ARGV[2] then found[#found + 1] = redis.call('HGETALL', key) end
end
return found
`)

	// KEYS: authenticator. ARGV: counter.
	updateCounter = newScript("update authenticator counter", `
local stored = redis.call('HGET', KEYS[1], 'counter')
if not stored then return false end
stored = tonumber(stored)
local new = tonumber(ARGV[2])
if new <= stored and not (new == 0 and stored == 0) then return {'stale'} end
redis.call('HSET', KEYS[1], 'counter', ARGV[2])
return {'ok', redis.call('HGETALL', KEYS[1])}
`)
)
