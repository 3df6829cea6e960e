package engine

// getSession answers GET session.
func getSession(x *exchange) (*reply, error) {
	s, err := x.readSession("", nil)
	if err != nil {
		x.hidden = asError(err, "SessionTokenError")
		x.report(x.hidden) // then answer as signed out
	}
	return x.answerJSON(x.appendSession(nil, s)), nil
}

// readSession reads the session of the request, rolls it when due, and clears an
// invalid cookie. It returns nil when nobody is signed in. With triggerUpdate it
// applies update, which is checked unless DangerousUpdateData is set.
func (x *exchange) readSession(trigger string, update any) (*Session, error) {
	p, err := x.presence(withUser)
	if err != nil {
		return nil, adapterError("reading a session", err)
	}
	switch p.state {
	case stateNone:
		x.clearSession() // an incomplete set of chunks
		return nil, nil
	case stateInvalid:
		x.clearSession()
		if p.cause != nil {
			x.cfg.Logger.DebugContext(x.ctx, "auth: the session cookie is invalid", "cause", p.cause.Error())
		}
		return nil, nil
	case stateExpired:
		x.clearSession()
		if err := x.adapter.DeleteSession(x.ctx, p.row.SessionToken); err != nil {
			x.report(adapterError("deleting an expired session", err))
		}
		return nil, nil
	}
	r := sessionRead{x, trigger, update}
	var s *Session
	if x.strategy == StrategyDatabase {
		s, err = r.continueRow(&p)
	} else {
		s, err = r.continueToken(&p)
	}
	if s != nil && err == nil {
		sessionEvent(x, s)
	}
	return s, err
}

func sessionEvent(x *exchange, s *Session) {
	if f := x.cfg.Events.Session; f != nil {
		x.runEvent("session", func() error { return f(x.ctx, s) })
	}
}
