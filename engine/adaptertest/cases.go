package adaptertest

func just(run func(*caseT)) []part { return []part{{run: run}} }

// and adds a part. Without its needs the part is reported as not offered.
func and(parts []part, run func(*caseT), needs ...need) []part {
	return append(parts, part{needs: needs, run: run})
}

func with(needs ...need) []need { return needs }

// CaseIDs returns the ids of all cases, in order. An id is never renamed.
func CaseIDs() []string {
	var ids []string
	for _, c := range allCases() {
		ids = append(ids, c.id)
	}
	return ids
}

func allCases() []testCase {
	return []testCase{
		{"user/create-returned-is-stored", "R6", "CreateUser returns the user as stored, field by field", adviceStored, nil, just(userCreateReturnedIsStored)},
		{"user/create-keeps-id", "R1", "the id created by the engine is stored unchanged", adviceIDs, with(needEngineIDs), just(userCreateKeepsId)},
		{"user/create-empty-id", "R1", "an empty id is refused", adviceIDs, with(needEngineIDs), just(userCreateEmptyId)},
		{"user/dup-id", "R3", "a second user with the same id is refused and the first is kept", adviceUnique, with(needEngineIDs), just(userDupId)},
		{"user/dup-email", "R3", "a second user with the same address is refused and the first is kept", adviceUnique, nil, just(userDupEmail)},
		{"user/null-emails", "R3", "any number of users may have no address", adviceNull, nil, just(userNullEmails)},
		{"user/not-found", "R2", "looking up an absent user returns ErrNotFound", adviceAbsent, nil, just(userNotFound)},
		{"user/email-case", "R5", "addresses that differ in letter case are different", adviceExact, nil, just(userEmailCase)},
		{"user/email-wildcard", "R5", "% and _ in an address are ordinary characters", adviceExact, nil, just(userEmailWildcard)},
		{"user/email-padding", "R5", "addresses that differ in leading or trailing white space are different", adviceExact, nil, just(userEmailPadding)},
		{"user/email-empty", "R5", "the empty address does not find a user without one", adviceNull, nil, just(userEmailEmpty)},
		{"user/update-partial", "R7", "an update keeps the fields it does not name", adviceUpdate, nil, just(userUpdatePartial)},
		{"user/update-clear", "R7", "an update clears the fields it is asked to clear", adviceUpdate, nil, just(userUpdateClear)},
		{"user/update-unknown", "R7", "updating an unknown user returns ErrNotFound and creates nothing", adviceUnknown, nil, just(userUpdateUnknown)},
		{"user/update-same-values", "R7", "an update that sets the current values succeeds", adviceUnknown, nil, just(userUpdateSameValues)},
		{"user/update-scope", "R7", "an update changes no other user", adviceScope, nil, just(userUpdateScope)},
		{"user/email-move", "R7", "after a change of address the old one is free and the new one finds the user", adviceMove, nil, and(just(userEmailMove), userEmailClear)},
		{"user/email-taken", "R3", "an update to a taken address is refused and changes nothing", adviceUnique, nil, just(userEmailTaken)},
		{"user/read-your-write", "R7", "a read after a write returns what was written", adviceUpdate, nil, just(userReadYourWrite)},
		{"user/delete-sessions", "R8", "the sessions of a deleted user are gone", adviceCascade, nil, just(userDeleteSessions)},
		{"user/delete-accounts", "R8", "the accounts of a deleted user are gone and can be linked again", adviceCascade, nil, just(userDeleteAccounts)},
		{"user/delete-authenticators", "R8", "the authenticators of a deleted user are gone", adviceCascade, with(needAuthn), just(userDeleteAuthenticators)},
		{"user/delete-scope", "R8", "deleting a user deletes nothing of other users", adviceScope, nil, just(userDeleteScope)},
		{"user/delete-unknown", "R2", "deleting an absent user succeeds", adviceIdempotent, nil, just(userDeleteUnknown)},
		{"user/recreate-same-id", "R8", "a new user with the id of a deleted one inherits nothing", adviceCascade, with(needEngineIDs), just(userRecreateSameId)},

		{"account/roundtrip", "R5", "every column of an account is returned as stored", adviceStored, nil, and(just(accountRoundtrip), accountList)},
		{"account/nil-vs-empty", "R5", "a null token and an empty token stay different", adviceNull, nil, just(accountNilVsEmpty)},
		{"account/long-tokens", "R5", "tokens of 16 KiB are stored whole", adviceWhole, nil, just(accountLongTokens)},
		{"account/expires-large", "R5", "expires_at holds more than 32 bits", adviceWhole, nil, just(accountExpiresLarge)},
		{"account/taken-by-other", "R3", "an account of another user cannot be taken over", adviceUnique, nil, just(accountTakenByOther)},
		{"account/taken-by-self", "R3", "a second link by the same user is refused and changes nothing", adviceUnique, nil, just(accountTakenBySelf)},
		{"account/unknown-user", "R8", "an account cannot be created without its user", adviceOwner, nil, just(accountUnknownUser)},
		{"account/both-keys", "R5", "provider and account id are both compared, byte for byte", adviceKey, nil, and(just(accountBothKeys), accountCase)},
		{"account/separator", "R5", "no two pairs of provider and account id share a key", adviceKey, nil, just(accountSeparator)},
		{"account/unlink-scope", "R7", "unlinking an account leaves the others linked", adviceScope, nil, just(accountUnlinkScope)},
		{"account/unlink-unknown", "R2", "unlinking an absent account succeeds", adviceIdempotent, nil, just(accountUnlinkUnknown)},
		{"account/relink", "R3", "an unlinked account can be linked to another user", adviceUnique, nil, just(accountRelink)},

		{"session/roundtrip", "R6", "a session and its user are returned as stored", adviceTime, nil, and(just(sessionRoundtrip), sessionList, needSessions)},
		{"session/right-user", "R8", "a session returns its own user among many", adviceScope, nil, and(just(sessionRightUser), sessionBareUser)},
		{"session/dup-token", "R3", "a taken session token is refused and keeps its owner", adviceUnique, nil, just(sessionDupToken)},
		{"session/unknown-user", "R8", "a session cannot be created without its user", adviceOwner, nil, just(sessionUnknownUser)},
		{"session/not-found", "R2", "looking up an absent session returns ErrNotFound", adviceAbsent, nil, just(sessionNotFound)},
		{"session/get-is-pure", "R9", "reading a session changes nothing, expired or not", advicePure, nil, just(sessionGetIsPure)},
		{"session/update-partial", "R7", "an update changes expires and keeps the owner", adviceUpdate, nil, and(just(sessionUpdatePartial), sessionUpdateSameValues)},
		{"session/update-persists", "R7", "an update of expires is visible to other readers", adviceUpdate, nil, just(sessionUpdatePersists)},
		{"session/update-unknown", "R7", "updating an unknown session returns ErrNotFound and creates nothing", adviceUnknown, nil, just(sessionUpdateUnknown)},
		{"session/update-shorten", "R7", "expires may be moved to an earlier instant", adviceUpdate, nil, just(sessionUpdateShorten)},
		{"session/delete-scope", "R8", "deleting a session leaves other devices signed in", adviceScope, nil, and(just(sessionDeleteScope), sessionDeleteByUser)},
		{"session/delete-unknown", "R2", "deleting an absent session succeeds, as when signing out twice", adviceIdempotent, nil, just(sessionDeleteUnknown)},
		{"session/token-case", "R5", "session tokens that differ in letter case are different", adviceExact, nil, just(sessionTokenCase)},
		{"session/token-tail", "R5", "long tokens that differ only at the end, if by a space, are different", adviceExact, nil, just(sessionTokenTail)},
		{"session/orphan", "R8", "a session whose user is gone returns ErrNotFound, never an empty user", adviceCascade, nil, just(sessionOrphan)},
		{"session/one-query", "R9", "a session and its user are read by one statement", adviceQuery, with(needStatements), just(sessionOneQuery)},

		{"token/once", "R4", "a token is handed out once", adviceConsume, nil, just(tokenOnce)},
		{"token/other-identifier", "R4", "the right token with another identifier is not found", adviceConsume, nil, just(tokenOtherIdentifier)},
		{"token/other-token", "R4", "another token with the right identifier is not found", adviceConsume, nil, just(tokenOtherToken)},
		{"token/miss-burns-nothing", "R4", "a mismatch uses up no token", adviceConsume, nil, just(tokenMissBurnsNothing)},
		{"token/siblings", "R4", "an identifier may have several tokens", adviceTokenRows, nil, just(tokenSiblings)},
		{"token/dup-pair", "R3", "a second row with the same identifier and token is refused", adviceTokenRows, nil, just(tokenDupPair)},
		{"token/shared-token", "R4", "the same token may exist for two identifiers", adviceTokenRows, nil, just(tokenSharedToken)},
		{"token/unknown", "R2", "using an unknown token returns ErrNotFound", adviceAbsent, nil, just(tokenUnknown)},
		{"token/expired", "R9", "an expired token is removed and returned unchanged", advicePure, nil, just(tokenExpired)},
		{"token/wildcard", "R5", "wildcards in a token or an identifier match only themselves", adviceExact, nil, just(tokenWildcard)},
		{"token/case", "R5", "tokens that differ in letter case are different", adviceExact, nil, just(tokenCase)},
		{"token/padding", "R5", "tokens that differ in a trailing space are different", adviceExact, nil, just(tokenPadding)},
		{"token/create-returns-own", "R6", "CreateVerificationToken returns the new token, not an older one", adviceTokenRows, nil, just(tokenCreateReturnsOwn)},

		{"purge/boundary", "R9", "a purge removes and counts the rows that expired before the instant, and no others", advicePure, with(needPurge), and(just(purgeBoundary), purgeLimit)},

		{"authn/roundtrip", "R5", "every column of an authenticator is returned as stored", adviceStored, with(needAuthn), and(just(authnRoundtrip), authnUnknownUser)},
		{"authn/transports-nil", "R5", "null transports and empty transports stay different", adviceNull, with(needAuthn), just(authnTransportsNil)},
		{"authn/dup", "R3", "a taken credential id is refused and keeps its owner", adviceUnique, with(needAuthn), just(authnDup)},
		{"authn/case", "R5", "credential ids that differ in letter case are different", adviceExact, with(needAuthn), just(authnCase)},
		{"authn/list-own", "R8", "the list holds the authenticators of this user only", adviceList, with(needAuthn), just(authnListOwn)},
		{"authn/list-complete", "R8", "the list holds every authenticator of the user", adviceList, with(needAuthn), just(authnListComplete)},
		{"authn/list-empty", "R2", "the list of an unknown user is empty, without an error", adviceList, with(needAuthn), just(authnListEmpty)},
		{"authn/counter-set", "R12", "the counter is stored and returned", adviceCounter, with(needAuthn), and(just(authnCounterSet), authnCounterScope)},
		{"authn/counter-back", "R12", "a counter never decreases", adviceCounter, with(needAuthn), just(authnCounterBack)},
		{"authn/counter-unknown", "R7", "setting the counter of an unknown credential returns ErrNotFound", adviceUnknown, with(needAuthn), just(authnCounterUnknown)},
		{"authn/counter-range", "R12", "a counter of zero may be set to zero, and 32 bits fit", adviceCounter, with(needAuthn), just(authnCounterRange)},

		{"data/millis", "R6", "every time column keeps milliseconds", adviceTime, nil, just(dataMillis)},
		{"data/zone", "R6", "an instant in any time zone is returned equal, in UTC", adviceTime, nil, just(dataZone)},
		{"data/far-future", "R6", "instants after 2038, in 2100 and later are stored", adviceTime, nil, just(dataFarFuture)},
		{"data/nil-time", "R6", "an unset instant stays nil", adviceNull, nil, just(dataNilTime)},
		{"data/utf8mb4", "R5", "characters of four bytes are stored", adviceText, nil, just(dataUtf8mb4)},
		{"data/normal-form", "R5", "é as one code point and as two stay different", adviceExact, nil, just(dataNormalForm)},
		{"data/whitespace", "R5", "leading and trailing white space is kept", adviceExact, nil, just(dataWhitespace)},
		{"data/empty", "R5", "an empty string stays an empty string", adviceNull, nil, just(dataEmpty)},
		{"data/hostile-sql", "R5", "quotes, backslashes, comments and wildcards are ordinary characters", adviceText, nil, just(dataHostileSql)},
		{"data/dateish", "R5", "text that looks like a date or a number stays text", adviceText, nil, just(dataDateish)},
		{"data/limits", "R5", "a long string is stored whole or refused with ErrInvalid", adviceWhole, nil, just(dataLimits)},
		{"data/raw-bytes", "R5", "malformed keys return ErrNotFound or ErrInvalid, never a driver's error or a panic", adviceText, nil, just(dataRawBytes)},
		{"data/extra", "R5", "declared extra fields are returned as stored, undeclared ones are refused", adviceExtra, nil, []part{{with(needExtra), dataExtra}, {nil, dataExtraUndeclared}}},

		{"race/consume-64", "R4", "a token is handed out to exactly one of 64 callers", adviceConsume, nil, just(raceConsume64)},
		{"race/create-email", "R3", "of 32 concurrent users with one address, one is created", adviceUnique, nil, and(just(raceCreateEmail), raceCreateId, needEngineIDs)},
		{"race/link-two-users", "R3", "of 32 users who link one account at once, one gets it", adviceUnique, nil, just(raceLinkTwoUsers)},
		{"race/session-token", "R3", "of 16 concurrent sessions with one token, one is created", adviceUnique, nil, just(raceSessionToken)},
		{"race/update-vs-delete", "R7", "an update never brings back a deleted session", adviceRace, nil, just(raceUpdateVsDelete)},
		{"race/delete-user-vs-login", "R8", "no session and no account outlives its user", adviceOwner, nil, just(raceDeleteUserVsLogin)},
		{"race/disjoint-updates", "R7", "concurrent updates of different fields are all kept", adviceRace, nil, just(raceDisjointUpdates)},
		{"race/counter", "R12", "of counters set at once, the highest is kept", adviceCounter, with(needAuthn), and(just(raceCounter), raceSameCounter)},
		{"race/independent", "R11", "64 concurrent users do not affect each other", adviceLock, nil, just(raceIndependent)},
		{"race/copies", "R11", "changing an argument or a result does not change the store", adviceCopy, nil, and(just(raceCopies), raceCopiesAuthn, needAuthn)},

		{"fault/cancelled", "R10", "a call with a canceled context returns context.Canceled and has no effect", adviceContext, nil, just(faultCancelled)},
		{"fault/deadline", "R10", "a call past its deadline returns context.DeadlineExceeded and does not hang", adviceContext, nil, and(just(faultDeadline), faultDeadlineBusy, needTx)},
		{"fault/late-effect", "R10", "nothing is written after a call has returned", adviceContext, nil, just(faultLateEffect)},
		{"fault/read-never-absent", "R10", "a read from a broken store returns an error that is not ErrNotFound", adviceFault, with(needBroken), just(faultReadNeverAbsent)},
		{"fault/write-error", "R10", "a write to a broken store returns an error", adviceFault, with(needBroken), just(faultWriteError)},
		{"fault/closed", "R10", "after Close every call returns an error: no panic, no hang, no ErrNotFound", adviceFault, with(needClose), just(faultClosed)},
		{"fault/errors-is", "R2", "ErrNotFound and ErrConflict match when wrapped", adviceFault, nil, just(faultErrorsIs)},
		{"fault/delete-user-atomic", "R8", "whichever statement fails, a call has its whole effect or none", adviceAtomic, with(needFailAt), and(just(faultDeleteUserAtomic), faultWritesAtomic)},
		{"fault/consume-durable", "R4", "a token that was handed out is gone for every other handle, and after reopening", adviceDurable, with(needReopen), just(faultConsumeDurable)},
		{"fault/reopen", "R10", "all rows survive closing and reopening", adviceDurable, with(needReopen), just(faultReopen)},
		{"fault/recovers", "R10", "a create that failed can be repeated", adviceAtomic, nil, just(faultRecovers)},

		{"tx/rollback", "R8", "an error or a panic of fn rolls everything back", adviceTx, with(needTx), and(and(and(just(txRollback), txEveryMethod), txPanic), txCancelledInside)},
		{"tx/isolation", "R8", "writes are visible inside the transaction at once, and outside only after the commit", adviceTx, with(needTx), and(and(and(just(txIsolation), txCommit), txAfterAbsent), txUsedLate)},

		{"sql/second-handle", "R3", "the store enforces uniqueness across two processes", adviceUnique, with(needReopen), just(sqlSecondHandle)},
		{"sql/pool-cascade", "R8", "DeleteUser deletes everything of the user on every connection of the pool", adviceCascade, with(needSQL), just(sqlPoolCascade)},
		{"sql/golden-read", "R6", "rows that Auth.js wrote are read correctly", adviceGolden, with(needSQL, needGolden), just(sqlGoldenRead)},
		{"sql/golden-write", "R6", "rows are written the way Auth.js writes them", adviceGolden, with(needSQL, needGolden), just(sqlGoldenWrite)},
		{"sql/migrate-twice", "R10", "reopening migrates nothing twice and touches no other table", adviceMigrate, with(needSQL, needReopen), just(sqlMigrateTwice)},
	}
}
