//go:build !wasm

package tollgate

import (
	"encoding/json"
	"time"
)

var host hostFunctions = &FakeHost{}

// FakeHost stands in for the host in a test, and remembers what was asked of it.
type FakeHost struct {
	answers map[string]any
	Calls   []Request
	Logs    []string
	// How long was waited in all. Nothing waits in truth.
	Slept time.Duration
}

// Fake stands in for the host until the next call of it. answers has a value, a func(Args) any or a *CallError for each
// tool, named "server:tool"; a tool that is not there is unknown-tool.
func Fake(answers map[string]any) *FakeHost {
	fake := &FakeHost{answers: answers}
	host = fake
	return fake
}

// RunPolicy runs the policy on an input, as JSON.
func RunPolicy(input string) (output string, err error) { return policy.run(input) }

func (f *FakeHost) call(server, tool, args string) (Result, error) {
	var given Args
	if err := json.Unmarshal([]byte(args), &given); err != nil {
		return nil, err
	}
	f.Calls = append(f.Calls, Request{server, tool, given})
	answer, known := f.answers[server+":"+tool]
	if !known {
		return nil, &CallError{Kind: "unknown-tool", Server: server, Tool: tool}
	}
	if function, ok := answer.(func(Args) any); ok {
		answer = function(given)
	}
	if failed, ok := answer.(*CallError); ok {
		failed.Server, failed.Tool = server, tool
		return nil, failed
	}
	return json.Marshal(map[string]any{"content": []any{}, "structuredContent": map[string]any{"result": answer}})
}

func (f *FakeHost) callMany(requests []request) []Answer {
	answers := make([]Answer, len(requests))
	for i, r := range requests {
		answers[i].Result, answers[i].Err = f.call(r.server, r.tool, r.args)
	}
	return answers
}

func (f *FakeHost) log(_ Level, message string)             { f.Logs = append(f.Logs, message) }
func (f *FakeHost) progress(_ float64, _ float64, _ string) {}
func (f *FakeHost) sleep(ms uint64)                         { f.Slept += time.Duration(ms) * time.Millisecond }
