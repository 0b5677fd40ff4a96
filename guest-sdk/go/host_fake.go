//go:build !wasm

package tollgate

import (
	"encoding/json"
	"slices"
	"strings"
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
	// What is kept, as JSON, by key.
	Kept     map[string]string
	versions map[string]uint64
	last     uint64
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

func (f *FakeHost) stateGet(key string) (string, uint64, error) {
	return f.Kept[key], f.version(key), nil
}

// A key that the test put there has a version too.
func (f *FakeHost) version(key string) uint64 {
	if _, there := f.Kept[key]; !there {
		return 0
	}
	return max(f.versions[key], 1)
}

func (f *FakeHost) stateSet(key, value string, expected *uint64) (uint64, error) {
	now := f.version(key)
	if expected != nil && *expected != now {
		return 0, &StateError{Kind: "conflict", Version: now}
	}
	if f.Kept == nil {
		f.Kept = map[string]string{}
	}
	if f.versions == nil {
		f.versions = map[string]uint64{}
	}
	f.last = max(f.last, 1) + 1
	f.Kept[key], f.versions[key] = value, f.last
	return f.last, nil
}

func (f *FakeHost) stateDelete(key string) (bool, error) {
	_, there := f.Kept[key]
	delete(f.Kept, key)
	return there, nil
}

func (f *FakeHost) stateList(prefix, after string) (keys []KeyInfo, next string, err error) {
	for key, value := range f.Kept {
		if strings.HasPrefix(key, prefix) && key > after {
			keys = append(keys, KeyInfo{key, f.version(key), uint64(len(value))})
		}
	}
	slices.SortFunc(keys, func(a, b KeyInfo) int { return strings.Compare(a.Key, b.Key) })
	return keys, "", nil
}
