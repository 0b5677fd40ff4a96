//go:build wasm

package tollgate

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	_ "tollgate/internal/export"
	witlog "tollgate/internal/log"
	witprogress "tollgate/internal/progress"
	witstate "tollgate/internal/state"
	"tollgate/internal/statetypes"
	"tollgate/internal/timer"
	"tollgate/internal/tools"
	"tollgate/internal/types"
	wit "tollgate/internal/wit/types"
	"tollgate/internal/world"
)

var host hostFunctions = component{}

type component struct{}

func init() {
	world.Describe = describe
	world.Run = run
}

func describe() types.Descriptor {
	return types.Descriptor{
		Name:         policy.Name,
		Title:        optional(policy.Title),
		Description:  policy.Description,
		InputSchema:  policy.Input,
		OutputSchema: optional(policy.Output),
		Grants:       policy.Grants,
	}
}

func run(input string) wit.Result[string, types.PolicyError] {
	output, err := policy.run(input)
	if err == nil {
		return wit.Ok[string, types.PolicyError](output)
	}
	failed := types.PolicyError{
		Message:  err.Error(),
		Code:     wit.None[string](),
		Data:     wit.None[string](),
		CausedBy: wit.None[types.CallFailure](),
	}
	var call *CallError
	if errors.As(err, &call) {
		failed.Code = wit.Some(call.Kind)
		if raw, ok := call.raw.(types.CallFailure); ok {
			failed.CausedBy = wit.Some(raw)
		}
	}
	var refused *StateError
	if errors.As(err, &refused) && call == nil {
		failed.Code = wit.Some("state")
	}
	var own *Error
	if errors.As(err, &own) {
		if own.Code != "" {
			failed.Code = wit.Some(own.Code)
		}
		if data, err := json.Marshal(own.Data); err == nil && own.Data != nil {
			failed.Data = wit.Some(string(data))
		}
	}
	return wit.Err[string, types.PolicyError](failed)
}

func optional(text string) wit.Option[string] {
	if text == "" {
		return wit.None[string]()
	}
	return wit.Some(text)
}

func (component) call(server, tool, args string) (Result, error) {
	return finished(tools.CallTool(server, tool, args))
}

func (component) callMany(requests []request) []Answer {
	calls := make([]types.Call, len(requests))
	for i, r := range requests {
		calls[i] = types.Call{Server: r.server, Tool: r.tool, Args: r.args}
	}
	answers := make([]Answer, 0, len(requests))
	for _, answer := range tools.CallTools(calls) {
		result, err := finished(answer)
		answers = append(answers, Answer{result, err})
	}
	return answers
}

func (component) log(level Level, message string) { witlog.Log(uint8(level), message) }

func (component) progress(done, total float64, message string) {
	of := wit.None[float64]()
	if total > 0 {
		of = wit.Some(total)
	}
	witprogress.Progress(done, of, optional(message))
}

func (component) sleep(ms uint64) { timer.Sleep(ms) }

func (component) stateGet(key string) (string, uint64, error) {
	answer := witstate.Get(key)
	if answer.IsErr() {
		return "", 0, refusal(answer.Err())
	}
	entry := answer.Ok()
	if entry.IsNone() {
		return "", 0, nil
	}
	return entry.Some().Value, entry.Some().Version, nil
}

func (component) stateSet(key, value string, expected *uint64) (uint64, error) {
	wanted := statetypes.MakeExpectedAny()
	if expected != nil && *expected == 0 {
		wanted = statetypes.MakeExpectedAbsent()
	} else if expected != nil {
		wanted = statetypes.MakeExpectedVersion(*expected)
	}
	answer := witstate.Set(key, value, wanted)
	if answer.IsErr() {
		return 0, refusal(answer.Err())
	}
	return answer.Ok(), nil
}

func (component) stateDelete(key string) (bool, error) {
	answer := witstate.Delete(key, wit.None[uint64]())
	if answer.IsErr() {
		return false, refusal(answer.Err())
	}
	return answer.Ok(), nil
}

func (component) stateList(prefix, after string) (keys []KeyInfo, next string, err error) {
	answer := witstate.ListKeys(prefix, optional(after), wit.None[uint32]())
	if answer.IsErr() {
		return nil, "", refusal(answer.Err())
	}
	page := answer.Ok()
	for _, info := range page.Keys {
		keys = append(keys, KeyInfo{info.Key, info.Version, info.Size})
	}
	if page.Next.IsSome() {
		next = page.Next.Some()
	}
	return keys, next, nil
}

func refusal(cause statetypes.StateError) *StateError {
	switch cause.Tag() {
	case statetypes.StateErrorDenied:
		return &StateError{Kind: "denied", Detail: cause.Denied()}
	case statetypes.StateErrorInvalidKey:
		return &StateError{Kind: "invalid-key", Detail: cause.InvalidKey()}
	case statetypes.StateErrorInvalidValue:
		return &StateError{Kind: "invalid-value", Detail: cause.InvalidValue()}
	case statetypes.StateErrorTooLarge:
		return &StateError{Kind: "too-large", Detail: cause.TooLarge()}
	case statetypes.StateErrorOverQuota:
		return &StateError{Kind: "over-quota", Detail: cause.OverQuota()}
	case statetypes.StateErrorConflict:
		refused := &StateError{Kind: "conflict"}
		if now := cause.Conflict(); now.IsSome() {
			refused.Version = now.Some()
		}
		return refused
	case statetypes.StateErrorOverloaded:
		return &StateError{Kind: "overloaded"}
	}
	return &StateError{Kind: "unavailable", Detail: cause.Unavailable()}
}

func finished(answer wit.Result[types.ToolResult, types.CallFailure]) (Result, error) {
	if answer.IsOk() {
		return Result(answer.Ok().Json), nil
	}
	raw := answer.Err()
	failed := &CallError{
		Server: raw.Server, Tool: raw.Tool, Attempts: raw.Attempts, ElapsedMs: raw.ElapsedMs, raw: raw,
	}
	failed.read(raw.Error)
	return nil, failed
}

func (e *CallError) read(cause types.CallError) {
	switch cause.Tag() {
	case types.CallErrorDenied:
		e.Kind, e.Detail = "denied", cause.Denied()
	case types.CallErrorUnknownTool:
		e.Kind, e.Detail = "unknown-tool", strings.Join(cause.UnknownTool(), ", ")
	case types.CallErrorInvalidArguments:
		e.Kind = "invalid-arguments"
		var all []string
		for _, v := range cause.InvalidArguments() {
			path := v.Path
			if path == "" {
				path = "(whole)"
			}
			all = append(all, path+": "+v.Message)
		}
		e.Detail = strings.Join(all, "; ")
	case types.CallErrorFailed:
		e.Kind, e.Detail = "failed", textOf([]byte(cause.Failed().Json))
	case types.CallErrorRejected:
		e.Kind, e.Detail = "rejected", fmt.Sprintf("%s (JSON-RPC %d)", cause.Rejected().Message, cause.Rejected().Code)
	case types.CallErrorInvalidResponse:
		e.Kind, e.Detail = "invalid-response", cause.InvalidResponse()
	case types.CallErrorAuthRequired:
		e.Kind, e.Detail = "auth-required", cause.AuthRequired()
	case types.CallErrorUnavailable:
		e.Kind, e.Detail = "unavailable", cause.Unavailable()
	case types.CallErrorOverloaded:
		e.Kind = "overloaded"
	case types.CallErrorTooLarge:
		e.Kind, e.Detail = "too-large", cause.TooLarge()
	case types.CallErrorTimedOut:
		e.Kind, e.Detail = "timed-out", cause.TimedOut()
	case types.CallErrorRateLimited:
		e.Kind = "rate-limited"
		if pause := cause.RateLimited(); pause.IsSome() {
			e.RetryAfterMs = pause.Some()
			e.Detail = fmt.Sprint(pause.Some())
		}
	case types.CallErrorBudgetExhausted:
		e.Kind, e.Detail = "budget-exhausted", cause.BudgetExhausted().Message
	case types.CallErrorCancelled:
		e.Kind = "cancelled"
	case types.CallErrorOutcomeUnknown:
		e.Kind, e.Detail = "outcome-unknown", cause.OutcomeUnknown()
	}
}
