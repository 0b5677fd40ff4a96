package tollgate

import (
	"encoding/json"
	"errors"
	"fmt"
)

// StateError is why nothing of what is kept was read or changed.
type StateError struct {
	// The case's name in the host's interface: denied, invalid-key, invalid-value, too-large, over-quota, conflict,
	// overloaded, unavailable.
	Kind string
	// What the kind carries, as text.
	Detail string
	// Of a conflict: the key's version now; 0 where it is not there.
	Version uint64
}

func (e *StateError) Error() string {
	switch {
	case e.Kind == "conflict" && e.Version > 0:
		return fmt.Sprintf("the key was changed meanwhile: its version is %d now", e.Version)
	case e.Kind == "conflict":
		return "the key is not as expected: it is not there"
	case e.Kind == "overloaded":
		return "the host's state store is busy; try again after a pause"
	case e.Kind == "denied":
		return "denied: " + e.Detail
	}
	return e.Detail
}

// KeyInfo is a key in a list. Size is the bytes of its value, as JSON.
type KeyInfo struct {
	Key           string
	Version, Size uint64
}

const updateTries = 100

// StateGet reads what a key has as a T, and tells its version: 0 where there is no such key. What is kept belongs to the
// component, from one run to the next; it needs a grant "state", or "state=PREFIX*". Errors are *StateError.
func StateGet[T any](key string) (value T, version uint64, err error) {
	text, version, err := host.stateGet(key)
	if err != nil || version == 0 {
		return value, 0, err
	}
	if json.Unmarshal([]byte(text), &value) != nil {
		return value, version, &StateError{Kind: "invalid-value", Detail: "what `" + key + "` has cannot be read as this type"}
	}
	return value, version, nil
}

// StateSet sets a key, whatever it has, and tells its new version. The value is on the host's disk then.
func StateSet(key string, value any) (uint64, error) { return stateSet(key, value, nil) }

// StateSetIf sets a key if it has this version, or if version is 0 and it is not there; else the error is a conflict.
func StateSetIf(key string, value any, version uint64) (uint64, error) {
	return stateSet(key, value, &version)
}

func stateSet(key string, value any, expected *uint64) (uint64, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return 0, &StateError{Kind: "invalid-value", Detail: "the value of `" + key + "` cannot be written as JSON"}
	}
	return host.stateSet(key, string(text), expected)
}

// StateUpdate changes a key by a function of what it has (a T's zero value where it is not there), and tells what it has
// then. Where another run changes the key meanwhile, the function is called again with what is there by then.
func StateUpdate[T any](key string, change func(T) T) (T, error) {
	for tries := 1; ; tries++ {
		value, version, err := StateGet[T](key)
		if err != nil {
			return value, err
		}
		value = change(value)
		_, err = StateSetIf(key, value, version)
		var refused *StateError
		if !errors.As(err, &refused) || refused.Kind != "conflict" || tries >= updateTries {
			return value, err
		}
	}
}

// StateDelete deletes a key, whatever it has, and tells whether it was there.
func StateDelete(key string) (bool, error) { return host.stateDelete(key) }

// StateList lists the keys that begin with a prefix and come after a key ("" for all), 1,000 at most. next is what to
// give as after to get more, "" where there are none.
func StateList(prefix, after string) (keys []KeyInfo, next string, err error) {
	return host.stateList(prefix, after)
}
