package tollgate

import (
	"encoding/json"
	"fmt"
	"strings"
)

// CallError is a call that gave no result. None ends the run: look at its Kind and go on.
type CallError struct {
	// The case's name in the host's interface: denied, unknown-tool, invalid-arguments, failed, rejected,
	// invalid-response, auth-required, unavailable, overloaded, too-large, timed-out, rate-limited, budget-exhausted,
	// cancelled, outcome-unknown.
	Kind         string
	Server, Tool string
	// What the kind carries, as text.
	Detail string
	// How many times the request was sent to the server; 0 when it never left the host.
	Attempts  uint32
	ElapsedMs uint64
	// Milliseconds that the server asked to wait; 0 where it did not say.
	RetryAfterMs uint64
	// What goes back to the host as the cause.
	raw any
}

// Retryable tells whether the same call, made again after a pause, may succeed and cannot repeat an effect.
func (e *CallError) Retryable() bool {
	return e.Kind == "unavailable" || e.Kind == "overloaded" || e.Kind == "rate-limited"
}

func (e *CallError) Error() string {
	tries := ""
	if e.Attempts > 1 {
		tries = fmt.Sprintf(" (%d attempts in %d ms)", e.Attempts, e.ElapsedMs)
	}
	return fmt.Sprintf("%s:%s: %s%s", e.Server, e.Tool, e.words(), tries)
}

// In the host's own words, so that it recognises them in a policy's message and does not repeat them.
var words = map[string]string{
	"denied":            "denied: %",
	"unknown-tool":      "no such tool; did you mean %?",
	"invalid-arguments": "the arguments do not fit the tool's input schema: %",
	"failed":            "the tool failed: %",
	"rejected":          "the server refused the call: %",
	"invalid-response":  "the server's answer is not MCP: %; the call may have had an effect",
	"auth-required":     "the server wants authorisation: %; the host's operator must give it",
	"unavailable":       "the server is not available: %; nothing was sent, a later retry is safe",
	"overloaded":        "the host is full now; try again in a moment",
	"too-large":         "too large: %",
	"timed-out":         "timed out: %; the call may have had an effect, check before repeating it",
	"rate-limited":      "the server asks to wait % ms",
	"budget-exhausted":  "%",
	"cancelled":         "cancelled",
	"outcome-unknown":   "the call may have had its effect, its answer is lost: %; check before repeating it",
}

func (e *CallError) words() string {
	if e.Detail == "" {
		switch e.Kind {
		case "unknown-tool":
			return "no such tool; `tollgate tools` lists what there is"
		case "rate-limited":
			return "the server asks to slow down"
		case "failed":
			return "the tool failed and gave no reason"
		}
	}
	text, known := words[e.Kind]
	if !known {
		return e.Kind
	}
	return strings.Replace(text, "%", e.Detail, 1)
}

// All text content of a result, a line break between two pieces.
func textOf(result []byte) string {
	var whole struct {
		Content []struct {
			Text *string `json:"text"`
		} `json:"content"`
	}
	_ = json.Unmarshal(result, &whole)
	var pieces []string
	for _, block := range whole.Content {
		if block.Text != nil {
			pieces = append(pieces, *block.Text)
		}
	}
	return strings.Join(pieces, "\n")
}
