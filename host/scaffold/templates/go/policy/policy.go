package main

import "tollgate"

var _ = tollgate.Policy(tollgate.About{
	Name:        "{{name}}",
	Description: "Greets somebody, and tells which customers have such a name.",
	Grants:      []string{"tool=crm:search_customers"},
}, hello)

func hello(input struct {
	Name string `json:"name"`
}) (any, error) {
	found, err := tollgate.Call[[]map[string]any]("crm", "search_customers", tollgate.Args{"query": input.Name})
	return map[string]any{"greeting": "Hello, " + input.Name + "!", "customers": found}, err
}

func main() {}
