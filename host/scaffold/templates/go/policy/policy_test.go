package main

import (
	"errors"
	"testing"

	"tollgate"
)

func TestGreetsAndTellsTheCustomers(t *testing.T) {
	host := tollgate.Fake(map[string]any{
		"crm:search_customers": []map[string]any{{"name": "Ada Lovelace"}},
	})
	output, err := tollgate.RunPolicy(`{"name":"Ada"}`)
	if want := `{"customers":[{"name":"Ada Lovelace"}],"greeting":"Hello, Ada!"}`; err != nil || output != want {
		t.Fatalf("got %s, %v", output, err)
	}
	if len(host.Calls) != 1 || host.Calls[0].Args["query"] != "Ada" {
		t.Fatalf("called %v", host.Calls)
	}
}

func TestAFailedCallIsTheCause(t *testing.T) {
	tollgate.Fake(map[string]any{"crm:search_customers": &tollgate.CallError{Kind: "unavailable"}})
	_, err := tollgate.RunPolicy(`{"name":"Ada"}`)
	var failed *tollgate.CallError
	if !errors.As(err, &failed) || failed.Kind != "unavailable" {
		t.Fatalf("got %v", err)
	}
}
