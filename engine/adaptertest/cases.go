package adaptertest

func just(run func(*T)) []part { return []part{{run: run}} }

// and adds a part; it is left out, and counted so, without what it needs.
func and(parts []part, run func(*T), needs ...need) []part {
	return append(parts, part{needs: needs, run: run})
}

func with(needs ...need) []need { return needs }

// CaseIDs returns the ids of all cases, in order. They are never renamed.
func CaseIDs() []string {
	var ids []string
	for _, c := range allCases() {
		ids = append(ids, c.id)
	}
	return ids
}

func allCases() []testCase {
	return []testCase{
		{"user/create-returned-is-stored", "R6", "what CreateUser returns is what it stored, field by field", adviceStored, nil, just(userCreateReturnedIsStored)},
		{"user/create-keeps-id", "R1", "the id of the engine is stored as it is", adviceIDs, with(needEngineIDs), just(userCreateKeepsId)},
		{"user/create-empty-id", "R1", "an empty id is refused", adviceIDs, with(needEngineIDs), just(userCreateEmptyId)},
		{"user/dup-id", "R3", "a second user with the same id is refused and the first stays", adviceUnique, with(needEngineIDs), just(userDupId)},
		{"user/dup-email", "R3", "a second user with the same address is refused and the first stays", adviceUnique, nil, just(userDupEmail)},
		{"user/null-emails", "R3", "any number of users have no address", adviceNull, nil, just(userNullEmails)},
		{"user/not-found", "R2", "an absent user is ErrNotFound", adviceAbsent, nil, just(userNotFound)},
		{"user/email-case", "R5", "addresses are compared byte for byte: letter case", adviceExact, nil, just(userEmailCase)},
		{"user/email-wildcard", "R5", "% and _ in an address are ordinary characters", adviceExact, nil, just(userEmailWildcard)},
		{"user/email-padding", "R5", "an address with a blank at its end is another one", adviceExact, nil, just(userEmailPadding)},
		{"user/email-empty", "R5", "the empty address does not find a user without one", adviceNull, nil, just(userEmailEmpty)},
		{"user/update-partial", "R7", "fields that are not named keep their values", adviceUpdate, nil, just(userUpdatePartial)},
		{"user/update-clear", "R7", "a field that is told to be cleared is cleared", adviceUpdate, nil, just(userUpdateClear)},
		{"user/update-unknown", "R7", "an update of an unknown user is ErrNotFound and creates nothing", adviceUnknown, nil, just(userUpdateUnknown)},
		{"user/update-same-values", "R7", "an update with the values that are there succeeds", adviceUnknown, nil, just(userUpdateSameValues)},
		{"user/update-scope", "R7", "an update changes no other user", adviceScope, nil, just(userUpdateScope)},
		{"user/email-move", "R7", "after a change of the address the old one is free and the new one is found", adviceMove, nil, and(just(userEmailMove), userEmailClear)},
		{"user/email-taken", "R3", "a change to a taken address is refused and changes nothing", adviceUnique, nil, just(userEmailTaken)},
		{"user/read-your-write", "R7", "a read after a write shows it", adviceUpdate, nil, just(userReadYourWrite)},
		{"user/delete-sessions", "R8", "the sessions of a deleted user are gone", adviceCascade, nil, just(userDeleteSessions)},
		{"user/delete-accounts", "R8", "the accounts of a deleted user are gone and can be linked again", adviceCascade, nil, just(userDeleteAccounts)},
		{"user/delete-authenticators", "R8", "the authenticators of a deleted user are gone", adviceCascade, with(needAuthn), just(userDeleteAuthenticators)},
		{"user/delete-scope", "R8", "nothing of another user is deleted", adviceScope, nil, just(userDeleteScope)},
		{"user/delete-unknown", "R2", "deleting an absent user succeeds", adviceIdempotent, nil, just(userDeleteUnknown)},
		{"user/recreate-same-id", "R8", "a user made anew with an old id inherits nothing", adviceCascade, with(needEngineIDs), just(userRecreateSameId)},

		{"account/roundtrip", "R5", "every column of an account comes back", adviceStored, nil, and(just(accountRoundtrip), accountList)},
		{"account/nil-vs-empty", "R5", "no token and an empty token stay different", adviceNull, nil, just(accountNilVsEmpty)},
		{"account/long-tokens", "R5", "tokens of 16 KiB come back whole", adviceWhole, nil, just(accountLongTokens)},
		{"account/expires-large", "R5", "expires_at beyond 32 bits comes back", adviceWhole, nil, just(accountExpiresLarge)},
		{"account/taken-by-other", "R3", "an account of another user cannot be taken over", adviceUnique, nil, just(accountTakenByOther)},
		{"account/taken-by-self", "R3", "a second link by the same user is refused and changes nothing", adviceUnique, nil, just(accountTakenBySelf)},
		{"account/unknown-user", "R8", "there is no account without a user", adviceOwner, nil, just(accountUnknownUser)},
		{"account/both-keys", "R5", "provider and account id both decide, byte for byte", adviceKey, nil, and(just(accountBothKeys), accountCase)},
		{"account/separator", "R5", "no two pairs are joined to the same key", adviceKey, nil, just(accountSeparator)},
		{"account/unlink-scope", "R7", "only that account is unlinked", adviceScope, nil, just(accountUnlinkScope)},
		{"account/unlink-unknown", "R2", "unlinking an absent account succeeds", adviceIdempotent, nil, just(accountUnlinkUnknown)},
		{"account/relink", "R3", "an unlinked account can be linked to another user", adviceUnique, nil, just(accountRelink)},

		{"session/roundtrip", "R6", "a session and its user come back as stored", adviceTime, nil, and(just(sessionRoundtrip), sessionList, needSessions)},
		{"session/right-user", "R8", "among many users the owner is returned", adviceScope, nil, and(just(sessionRightUser), sessionBareUser)},
		{"session/dup-token", "R3", "a taken session token is refused and its owner stays", adviceUnique, nil, just(sessionDupToken)},
		{"session/unknown-user", "R8", "there is no session without a user", adviceOwner, nil, just(sessionUnknownUser)},
		{"session/not-found", "R2", "an absent session is ErrNotFound", adviceAbsent, nil, just(sessionNotFound)},
		{"session/get-is-pure", "R9", "reading a session changes nothing, expired or not", advicePure, nil, just(sessionGetIsPure)},
		{"session/update-partial", "R7", "expires changes and the owner does not", adviceUpdate, nil, and(just(sessionUpdatePartial), sessionUpdateSameValues)},
		{"session/update-persists", "R7", "another reader sees the new expires", adviceUpdate, nil, just(sessionUpdatePersists)},
		{"session/update-unknown", "R7", "an update of an unknown session is ErrNotFound and creates nothing", adviceUnknown, nil, just(sessionUpdateUnknown)},
		{"session/update-shorten", "R7", "expires may move back", adviceUpdate, nil, just(sessionUpdateShorten)},
		{"session/delete-scope", "R8", "only that session ends; other devices stay signed in", adviceScope, nil, and(just(sessionDeleteScope), sessionDeleteByUser)},
		{"session/delete-unknown", "R2", "deleting an absent session succeeds: signing out twice", adviceIdempotent, nil, just(sessionDeleteUnknown)},
		{"session/token-case", "R5", "session tokens are compared byte for byte: letter case", adviceExact, nil, just(sessionTokenCase)},
		{"session/token-tail", "R5", "long tokens that differ at their end, or by a blank, are different", adviceExact, nil, just(sessionTokenTail)},
		{"session/orphan", "R8", "a session without its user is ErrNotFound, never an empty user", adviceCascade, nil, just(sessionOrphan)},
		{"session/one-query", "R9", "session and user are read by one statement", adviceQuery, with(needStatements), just(sessionOneQuery)},

		{"token/once", "R4", "a token is handed out once", adviceConsume, nil, just(tokenOnce)},
		{"token/other-identifier", "R4", "the right token with another identifier gives nothing", adviceConsume, nil, just(tokenOtherIdentifier)},
		{"token/other-token", "R4", "another token with the right identifier gives nothing", adviceConsume, nil, just(tokenOtherToken)},
		{"token/miss-burns-nothing", "R4", "a miss burns no token", adviceConsume, nil, just(tokenMissBurnsNothing)},
		{"token/siblings", "R4", "several tokens of one identifier live side by side", adviceTokenRows, nil, just(tokenSiblings)},
		{"token/dup-pair", "R3", "the same pair twice is refused", adviceTokenRows, nil, just(tokenDupPair)},
		{"token/shared-token", "R4", "the same token under two identifiers is two rows", adviceTokenRows, nil, just(tokenSharedToken)},
		{"token/unknown", "R2", "an unknown token is ErrNotFound", adviceAbsent, nil, just(tokenUnknown)},
		{"token/expired", "R9", "an expired token is removed and returned as it is", advicePure, nil, just(tokenExpired)},
		{"token/wildcard", "R5", "patterns match only themselves", adviceExact, nil, just(tokenWildcard)},
		{"token/case", "R5", "tokens are compared byte for byte: letter case", adviceExact, nil, just(tokenCase)},
		{"token/padding", "R5", "a blank at the end makes another token", adviceExact, nil, just(tokenPadding)},
		{"token/create-returns-own", "R6", "what CreateVerificationToken returns is the new row", adviceTokenRows, nil, just(tokenCreateReturnsOwn)},

		{"purge/boundary", "R9", "a purge removes what expired before the instant, counts it, and nothing else", advicePure, with(needPurge), and(just(purgeBoundary), purgeLimit)},

		{"authn/roundtrip", "R5", "every column of an authenticator comes back", adviceStored, with(needAuthn), and(just(authnRoundtrip), authnUnknownUser)},
		{"authn/transports-nil", "R5", "no transports and empty transports stay different", adviceNull, with(needAuthn), just(authnTransportsNil)},
		{"authn/dup", "R3", "a taken credential id is refused and its owner stays", adviceUnique, with(needAuthn), just(authnDup)},
		{"authn/case", "R5", "credential ids are compared byte for byte", adviceExact, with(needAuthn), just(authnCase)},
		{"authn/list-own", "R8", "the list holds this user's authenticators only", adviceList, with(needAuthn), just(authnListOwn)},
		{"authn/list-complete", "R8", "the list is complete", adviceList, with(needAuthn), just(authnListComplete)},
		{"authn/list-empty", "R2", "the list of an unknown user is empty and no error", adviceList, with(needAuthn), just(authnListEmpty)},
		{"authn/counter-set", "R12", "the counter is stored and returned", adviceCounter, with(needAuthn), and(just(authnCounterSet), authnCounterScope)},
		{"authn/counter-back", "R12", "a counter never goes back", adviceCounter, with(needAuthn), just(authnCounterBack)},
		{"authn/counter-unknown", "R7", "the counter of an unknown credential is ErrNotFound", adviceUnknown, with(needAuthn), just(authnCounterUnknown)},
		{"authn/counter-range", "R12", "zero stays allowed at zero, and 32 bits fit", adviceCounter, with(needAuthn), just(authnCounterRange)},

		{"data/millis", "R6", "milliseconds survive in every time column", adviceTime, nil, just(dataMillis)},
		{"data/zone", "R6", "an instant of any zone comes back equal, in UTC", adviceTime, nil, just(dataZone)},
		{"data/far-future", "R6", "instants beyond 2038, in 2100 and later survive", adviceTime, nil, just(dataFarFuture)},
		{"data/nil-time", "R6", "an unset instant is nil", adviceNull, nil, just(dataNilTime)},
		{"data/utf8mb4", "R5", "characters of four bytes survive", adviceText, nil, just(dataUtf8mb4)},
		{"data/normal-form", "R5", "é as one and as two code points stay different", adviceExact, nil, just(dataNormalForm)},
		{"data/whitespace", "R5", "blanks at both ends stay", adviceExact, nil, just(dataWhitespace)},
		{"data/empty", "R5", "an empty string stays one", adviceNull, nil, just(dataEmpty)},
		{"data/hostile-sql", "R5", "quotes, backslashes, comments and wildcards are ordinary characters", adviceText, nil, just(dataHostileSql)},
		{"data/dateish", "R5", "text that looks like a date or a number stays text", adviceText, nil, just(dataDateish)},
		{"data/limits", "R5", "a long string is stored whole or refused by ErrInvalid", adviceWhole, nil, just(dataLimits)},
		{"data/raw-bytes", "R5", "odd keys are ErrNotFound or ErrInvalid, never a driver's error or a panic", adviceText, nil, just(dataRawBytes)},
		{"data/extra", "R5", "declared extra fields come back, undeclared ones are refused", adviceExtra, nil, []part{{with(needExtra), dataExtra}, {nil, dataExtraUndeclared}}},

		{"race/consume-64", "R4", "a token is handed out to exactly one of 64 callers", adviceConsume, nil, just(raceConsume64)},
		{"race/create-email", "R3", "of 32 users with one address, one is made", adviceUnique, nil, and(just(raceCreateEmail), raceCreateId, needEngineIDs)},
		{"race/link-two-users", "R3", "of 32 users who claim one account, one gets it", adviceUnique, nil, just(raceLinkTwoUsers)},
		{"race/session-token", "R3", "of 16 sessions with one token, one is made", adviceUnique, nil, just(raceSessionToken)},
		{"race/update-vs-delete", "R7", "a deleted session never comes back by an update", adviceRace, nil, just(raceUpdateVsDelete)},
		{"race/delete-user-vs-login", "R8", "no session and no account outlives its user", adviceOwner, nil, just(raceDeleteUserVsLogin)},
		{"race/disjoint-updates", "R7", "updates of different fields at once all stick", adviceRace, nil, just(raceDisjointUpdates)},
		{"race/counter", "R12", "of counters set at once the highest stays", adviceCounter, with(needAuthn), and(just(raceCounter), raceSameCounter)},
		{"race/independent", "R11", "64 users at once do not disturb each other", adviceLock, nil, just(raceIndependent)},
		{"race/copies", "R11", "what was passed in or handed out is not what is stored", adviceCopy, nil, and(just(raceCopies), raceCopiesAuthn, needAuthn)},

		{"fault/cancelled", "R10", "a call with a cancelled context fails with context.Canceled and has no effect", adviceContext, nil, just(faultCancelled)},
		{"fault/deadline", "R10", "a call whose deadline passes ends with context.DeadlineExceeded and does not hang", adviceContext, nil, and(just(faultDeadline), faultDeadlineBusy, needTx)},
		{"fault/late-effect", "R10", "nothing is written after a call has returned", adviceContext, nil, just(faultLateEffect)},
		{"fault/read-never-absent", "R10", "a broken store is an error and never ErrNotFound", adviceFault, with(needBroken), just(faultReadNeverAbsent)},
		{"fault/write-error", "R10", "a write to a broken store is an error", adviceFault, with(needBroken), just(faultWriteError)},
		{"fault/closed", "R10", "after Close every call is an error: no panic, no hang, no ErrNotFound", adviceFault, with(needClose), just(faultClosed)},
		{"fault/errors-is", "R2", "ErrNotFound and ErrConflict match through wrapping", adviceFault, nil, just(faultErrorsIs)},
		{"fault/delete-user-atomic", "R8", "whichever statement fails, the user is whole or gone", adviceAtomic, with(needFailAt), and(just(faultDeleteUserAtomic), faultWritesAtomic)},
		{"fault/consume-durable", "R4", "a token that was handed out is gone for every other handle, and after opening again", adviceDurable, with(needReopen), just(faultConsumeDurable)},
		{"fault/reopen", "R10", "all rows survive closing and opening again", adviceDurable, with(needReopen), just(faultReopen)},
		{"fault/recovers", "R10", "after a failed create the same create succeeds", adviceAtomic, nil, just(faultRecovers)},

		{"tx/rollback", "R8", "an error of fn undoes everything", adviceTx, with(needTx), and(and(and(just(txRollback), txEveryMethod), txPanic), txCancelledInside)},
		{"tx/isolation", "R8", "own writes are visible inside and invisible outside until the commit", adviceTx, with(needTx), and(and(and(just(txIsolation), txCommit), txAfterAbsent), txUsedLate)},

		{"sql/second-handle", "R3", "the store enforces uniqueness between two processes", adviceUnique, with(needReopen), just(sqlSecondHandle)},
		{"sql/pool-cascade", "R8", "DeleteUser takes everything along on every connection of the pool", adviceCascade, with(needSQL), just(sqlPoolCascade)},
		{"sql/golden-read", "R6", "rows that Auth.js wrote are read right", adviceGolden, with(needSQL, needGolden), just(sqlGoldenRead)},
		{"sql/golden-write", "R6", "rows are written as Auth.js writes them", adviceGolden, with(needSQL, needGolden), just(sqlGoldenWrite)},
		{"sql/migrate-twice", "R10", "opening again migrates nothing twice and touches no other table", adviceMigrate, with(needSQL, needReopen), just(sqlMigrateTwice)},
	}
}
