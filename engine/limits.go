package engine

import (
	"math"
	"time"
)

// tooMany is an attempt refused by Config.Limit.
type tooMany struct{ retryAfter time.Duration }

func (t *tooMany) Error() string {
	return "too many attempts; retry after " + t.retryAfter.String()
}

// seconds returns the value of Retry-After: whole seconds, at least one.
func (t *tooMany) seconds() int32 {
	return int32(min(max(1, math.Ceil(t.retryAfter.Seconds())), math.MaxInt32))
}

// checkLimit calls Config.Limit for an attempt. Nothing else does, neither for
// requests nor for calls of the application.
func (x *exchange) checkLimit(subject string) error {
	if x.cfg.Limit == nil {
		return nil
	}
	wait, err := x.cfg.Limit(x.ctx, LimitParams{Action: x.action, Provider: x.providerID, Client: x.clientAddr(x.r), Subject: subject})
	switch {
	case err != nil:
		return fail(codeConfiguration, "LimitError", err, "the limiter failed, so the attempt was refused; check that its store answers")
	case wait > 0:
		return refuse(codeAccessDenied, "TooManyRequests", &tooMany{wait}, "")
	}
	return nil
}
