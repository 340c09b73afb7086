package web

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sessionhub/sessionhub/session"
)

// limitsInput is what a request says in place of the hub's rule, field by field.
type limitsInput struct {
	Limit       *int                 `json:"limit,omitempty" minimum:"-1" maximum:"1000" doc:"1 to 1000, or -1 for no limit; absent leaves it to the user's own, and then to the hub's"`
	LimitByKind map[session.Kind]int `json:"limit_by_kind,omitempty" doc:"The same for kinds of device, in place of all such limits; {} is none"`
	Policy      session.Policy       `json:"policy,omitempty" enum:"evict,reject,ask" doc:"What a login does at the limit"`
}

func (in *limitsInput) check(f *fields) {
	if in.Limit != nil {
		f.wrap("limit", session.ValidateLimit(*in.Limit))
	}
	for _, kind := range slices.Sorted(maps.Keys(in.LimitByKind)) {
		if !kind.Known() {
			f.fail("limit_by_kind", "has a kind that is none of %v", session.Kinds)
			break
		}
		f.wrap("limit_by_kind."+string(kind), session.ValidateLimit(in.LimitByKind[kind]))
	}
	switch in.Policy {
	case "", session.Evict, session.Reject, session.Ask:
	default:
		f.fail("policy", "is none of %s, %s and %s", session.Evict, session.Reject, session.Ask)
	}
}

func (in *limitsInput) limits() session.Limits {
	said := session.Limits{LimitByKind: in.LimitByKind, Policy: in.Policy}
	if in.Limit != nil {
		said.Limit = *in.Limit
	}
	return said
}

// setLimitInput gives a user limits of their own, in place of all those before.
type setLimitInput struct {
	limitsInput
	endInput
}

func (in *setLimitInput) check(f *fields) {
	in.limitsInput.check(f)
	in.endInput.check(f)
}

// limitAnswer is what holds for a user, and what of it the user's own limits say.
type limitAnswer struct {
	Limit       int                  `json:"limit" doc:"What holds for the user"`
	LimitByKind map[session.Kind]int `json:"limit_by_kind"`
	Policy      session.Policy       `json:"policy" enum:"evict,reject,ask"`
	Own         session.Limits       `json:"own" doc:"What of it is the user's own; the rest is the hub's"`
}

// changedLimitAnswer says whom a change of limits has ended, or, in a dry run, would end.
type changedLimitAnswer struct {
	limitAnswer
	Ended    *[]delivered `json:"ended,omitzero" doc:"Whom it ended; absent in a dry run"`
	WouldEnd *[]delivered `json:"would_end,omitzero" doc:"Whom it would end, in a dry run"`
}

func (s *server) limitRoutes() []route {
	const path = "/v1/admin/users/{user}/limit"
	dry := func(op huma.Operation) huma.Operation {
		op.Parameters = []*huma.Param{queryParam("dry_run", huma.TypeBoolean, true,
			"Say whom it would end, and change nothing.")}
		return op
	}
	set := dry(operation("PUT", path, "set-user-limit", "Give a user limits of their own, and end what is over them", byOperator))
	unset := dry(operation("DELETE", path, "delete-user-limit", "Give a user the hub's limits again, and end what is over them", byOperator))
	premium := limitAnswer{Limit: 5, LimitByKind: map[session.Kind]int{session.TV: 1}, Policy: session.Evict,
		Own: session.Limits{Limit: 5, LimitByKind: map[session.Kind]int{session.TV: 1}}}
	standard := limitAnswer{Limit: 1, LimitByKind: map[session.Kind]int{}, Policy: session.Evict}
	gone := &[]delivered{{Session: exampleOldView, Delivery: session.NoticeSent}}
	return []route{
		on(s, operation("GET", path, "get-user-limit", "The limits that hold for a user", byOperator), s.limit).
			gives(http.StatusOK, "What holds, and what of it is the user's own.", premium),
		on(s, set, s.setLimit).
			says("They take the place of all those before, and hold at once, for the sessions that there are too. What is "+
				"left out is the hub's.").
			takes(setLimitInput{limitsInput: limitsInput{Limit: &premium.Limit, LimitByKind: premium.LimitByKind}}).
			gives(http.StatusOK, "They hold, or would, in a dry run.", examples{
				"done":    changedLimitAnswer{limitAnswer: premium, Ended: &[]delivered{}},
				"dry-run": changedLimitAnswer{limitAnswer: premium, WouldEnd: gone},
			}).
			refuses(errDryRunQuery),
		on(s, mayHaveBody(unset), s.unsetLimit).
			takes(endInput{Message: "Your plan has ended."}).
			gives(http.StatusOK, "The hub's hold again, or would, in a dry run.", examples{
				"done":    changedLimitAnswer{limitAnswer: standard, Ended: gone},
				"dry-run": changedLimitAnswer{limitAnswer: standard, WouldEnd: gone},
			}).
			refuses(errDryRunQuery),
	}
}

func (s *server) limit(c *call, _ *none) (*limitAnswer, error) {
	user, err := userParam(c)
	if err != nil {
		return nil, err
	}
	snap, err := s.Registry.Load(c.Context(), session.KeyOf(user))
	if err != nil {
		return nil, err
	}
	return s.viewLimit(snap.Account.Limits), nil
}

func (s *server) viewLimit(own session.Limits) *limitAnswer {
	rule := s.Rule.With(own)
	answer := &limitAnswer{Limit: rule.Limit, LimitByKind: rule.LimitByKind, Policy: rule.Policy, Own: own}
	if answer.LimitByKind == nil {
		answer.LimitByKind = map[session.Kind]int{}
	}
	return answer
}

func (s *server) setLimit(c *call, in *setLimitInput) (*changedLimitAnswer, error) {
	return s.changeLimit(c, in.limits(), in.Message)
}

func (s *server) unsetLimit(c *call, in *endInput) (*changedLimitAnswer, error) {
	return s.changeLimit(c, session.Limits{}, in.Message)
}

// changeLimit changes a user's own limits and ends what is over them, or foresees that.
func (s *server) changeLimit(c *call, own session.Limits, message string) (*changedLimitAnswer, error) {
	user, err := userParam(c)
	if err != nil {
		return nil, err
	}
	dry, err := dryRun(c)
	if err != nil {
		return nil, err
	}
	var gone []session.Ended
	if dry {
		gone, err = s.Registry.Foresee(c.Context(), user, own, s.Rule)
	} else {
		why := session.Ending{Reason: session.EndedByAdmin, Message: message}
		gone, err = s.Registry.Restrict(c.Context(), user, own, s.Rule, why)
	}
	if err != nil {
		return nil, err
	}
	answer, list := &changedLimitAnswer{limitAnswer: *s.viewLimit(own)}, viewDelivered(gone)
	if dry {
		answer.WouldEnd = &list
	} else {
		answer.Ended = &list
	}
	return answer, nil
}

var errDryRunQuery = plainProblem(http.StatusBadRequest, "The query cannot be read. Its one parameter is dry_run.")

// dryRun reads the query of a request that ends sessions. Where it is not sure to be meant, nothing should end: a
// parameter that nobody knows may be this one with a letter wrong.
func dryRun(c *call) (bool, error) {
	query, err := url.ParseQuery(c.URL.RawQuery)
	if err != nil {
		return false, errDryRunQuery
	}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if name != "dry_run" {
			return false, invalid(fieldError{clip(name, maxFieldName), "is not a known parameter; the only one is dry_run"})
		}
	}
	words, given := query["dry_run"]
	if !given {
		return false, nil
	}
	dry, err := strconv.ParseBool(words[0])
	if err != nil || len(words) > 1 {
		return false, invalid(fieldError{"dry_run", "is neither true nor false"})
	}
	return dry, nil
}
