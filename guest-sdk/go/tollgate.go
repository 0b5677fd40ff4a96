// Package tollgate is for writing Tollgate policies in Go.
//
// A policy is a function of its input, declared at the start:
//
//	var _ = tollgate.Policy(tollgate.About{Name: "hello", Description: "Greets somebody."}, hello)
//
//	func hello(input struct {
//		Name string `json:"name"`
//	}) (string, error) {
//		return "Hello, " + input.Name + "!", nil
//	}
//
//	func main() {}
package tollgate

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"time"
)

// About is what a policy says of itself.
type About struct {
	// A short identifier, as "customer-360".
	Name string
	// A name for people.
	Title string
	// What it does, for the model or person that chooses it.
	Description string
	// Grants that it asks for, as "tool=crm:*". Asking grants nothing.
	Grants []string
	// JSON Schemas of input and output. Where they are empty they follow from the types.
	Input, Output string
}

// Args are the arguments of a tool.
type Args map[string]any

// Request is one call of CallMany.
type Request struct {
	Server, Tool string
	Args         Args
}

// Answer is what a call of CallMany gave: Value reads the Result, unless Err is set.
type Answer struct {
	Result Result
	Err    error
}

// Result is what a tool answered: the whole MCP CallToolResult.
type Result json.RawMessage

// Error is how a policy fails by itself: a message for people and, where it helps, a code and data for programs.
type Error struct {
	Message, Code string
	Data          any
}

func (e *Error) Error() string { return e.Message }

// Fail makes an Error with a message as of fmt.Sprintf.
func Fail(code, format string, parts ...any) error {
	return &Error{Code: code, Message: fmt.Sprintf(format, parts...)}
}

type declared struct {
	About
	run func(input string) (output string, err error)
}

var policy *declared

// Policy makes a function the policy that the component is. The input's schema follows from its type: json tags name
// the members, `doc:"…"` describes them, and "omitempty" or a pointer make one optional.
func Policy[I, O any](about About, run func(I) (O, error)) struct{} {
	if policy != nil {
		panic("a component is one policy: tollgate.Policy was called twice")
	}
	if about.Input == "" {
		about.Input = schemaOf[I](true)
	}
	if about.Output == "" {
		about.Output = schemaOf[O](false)
	}
	policy = &declared{about, func(input string) (string, error) {
		var value I
		if input == "" {
			input = "{}"
		}
		if err := json.Unmarshal([]byte(input), &value); err != nil {
			return "", &Error{Message: "the input does not fit: " + err.Error(), Code: "invalid-input"}
		}
		output, err := run(value)
		if err != nil {
			return "", err
		}
		text, err := json.Marshal(output)
		return string(text), err
	}}
	return struct{}{}
}

// Call calls a tool, waits for its answer, and reads it as a T: structured content, else its text read as JSON, else
// the text. Where there is no result the error is a *CallError.
func Call[T any](server, tool string, args Args) (T, error) {
	var value T
	result, err := CallRaw(server, tool, args)
	if err == nil {
		value, err = Value[T](result)
	}
	if err != nil && !errors.As(err, new(*CallError)) {
		err = fmt.Errorf("%s:%s: %w", server, tool, err)
	}
	return value, err
}

// CallRaw calls a tool and returns the whole MCP CallToolResult.
func CallRaw(server, tool string, args Args) (Result, error) {
	text, err := encoded(args)
	if err != nil {
		return nil, err
	}
	return host.call(server, tool, text)
}

// CallMany makes all calls at once and waits for all. The answers stand in the order of the calls; one that fails does
// not disturb the others.
func CallMany(requests ...Request) ([]Answer, error) {
	batch := make([]request, len(requests))
	for i, r := range requests {
		text, err := encoded(r.Args)
		if err != nil {
			return nil, err
		}
		batch[i] = request{r.Server, r.Tool, text}
	}
	return host.callMany(batch), nil
}

// Value reads a result as a T.
func Value[T any](result Result) (T, error) {
	var value T
	var whole struct {
		Structured json.RawMessage `json:"structuredContent"`
	}
	if err := json.Unmarshal(result, &whole); err != nil {
		return value, fmt.Errorf("the result is no CallToolResult: %w", err)
	}
	reading := whole.Structured
	if len(reading) > 0 && string(reading) != "null" {
		// MCP wants an object; by convention other values are its only member "result". Where the text is that object, it is
		// the tool's own.
		var members map[string]json.RawMessage
		wrapped := json.Unmarshal(reading, &members) == nil && len(members) == 1 && members["result"] != nil
		if wrapped && !sameJSON([]byte(textOf(result)), reading) {
			reading = members["result"]
		}
		return value, misfit(json.Unmarshal(reading, &value))
	}
	text := textOf(result)
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		quoted, _ := json.Marshal(text)
		if json.Unmarshal(quoted, &value) != nil {
			return value, misfit(err)
		}
	}
	return value, nil
}

func sameJSON(one, other []byte) bool {
	var a, b any
	return json.Unmarshal(one, &a) == nil && json.Unmarshal(other, &b) == nil && reflect.DeepEqual(a, b)
}

func misfit(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("the result is not what was expected: %w", err)
}

func encoded(args Args) (string, error) {
	if args == nil {
		return "{}", nil
	}
	text, err := json.Marshal(args)
	if err != nil {
		return "", fmt.Errorf("the arguments cannot be written as JSON: %w", err)
	}
	return string(text), nil
}

// Level says how important a line of the log is.
type Level uint8

// The levels, the least important first.
const (
	Trace Level = iota
	Debug
	Info
	Warn
	Severe
)

// Log writes one line to the run's log, as of fmt.Sprintf.
func Log(level Level, format string, parts ...any) { host.log(level, fmt.Sprintf(format, parts...)) }

// Progress says how far the run is: done of total (0: not known), and what it does now (may be empty).
func Progress(done, total float64, message string) { host.progress(done, total, message) }

// Sleep waits on the host's timer. A part of a millisecond counts as a whole.
func Sleep(duration time.Duration) {
	if duration > 0 {
		host.sleep(uint64(math.Ceil(float64(duration) / float64(time.Millisecond))))
	}
}

type request struct{ server, tool, args string }

// What a host does. There is one a build: host_wasm.go or host_fake.go.
type hostFunctions interface {
	call(server, tool, args string) (Result, error)
	callMany(requests []request) []Answer
	log(level Level, message string)
	progress(done, total float64, message string)
	sleep(ms uint64)
	stateGet(key string) (value string, version uint64, err error)
	// Whatever the key has; or only this version, where 0 is none.
	stateSet(key, value string, expected *uint64) (uint64, error)
	stateDelete(key string) (bool, error)
	stateList(prefix, after string) (keys []KeyInfo, next string, err error)
}
