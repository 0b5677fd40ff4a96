// Package world is what the exports of a component call. Package tollgate fills it in.
package world

import (
	types "tollgate/internal/types"
	wit "tollgate/internal/wit/types"
)

// Describe is the export `describe`.
var Describe func() types.Descriptor

// Run is the export `run`.
var Run func(input string) wit.Result[string, types.PolicyError]
