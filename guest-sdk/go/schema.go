package tollgate

import (
	"encoding/json"
	"reflect"
	"strings"
)

// Types may refer to themselves. What is deeper than this is any JSON.
const schemaDepthMax = 16

// The JSON Schema of a type; empty for an output that may be any JSON.
func schemaOf[T any](input bool) string {
	schema := schemaOfType(reflect.TypeFor[T](), 0)
	if input && schema["type"] == nil {
		schema = map[string]any{"type": "object"}
	}
	if len(schema) == 0 {
		return ""
	}
	text, _ := json.Marshal(schema)
	return string(text)
}

func schemaOfType(t reflect.Type, depth int) map[string]any {
	if depth > schemaDepthMax || t == reflect.TypeFor[json.RawMessage]() {
		return map[string]any{}
	}
	switch t.Kind() {
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Float32, reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return map[string]any{"type": "integer"}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return map[string]any{"type": "integer", "minimum": 0}
	case reflect.Pointer:
		return schemaOfType(t.Elem(), depth+1)
	case reflect.Slice, reflect.Array:
		return map[string]any{"type": "array", "items": schemaOfType(t.Elem(), depth+1)}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": schemaOfType(t.Elem(), depth+1)}
	case reflect.Struct:
		return schemaOfStruct(t, depth)
	default:
		return map[string]any{}
	}
}

func schemaOfStruct(t reflect.Type, depth int) map[string]any {
	properties, required := map[string]any{}, []string{}
	for _, field := range reflect.VisibleFields(t) {
		tag := strings.Split(field.Tag.Get("json"), ",")
		if !field.IsExported() || field.Anonymous || tag[0] == "-" {
			continue
		}
		name := field.Name
		if tag[0] != "" {
			name = tag[0]
		}
		schema := schemaOfType(field.Type, depth+1)
		if doc := field.Tag.Get("doc"); doc != "" {
			schema["description"] = doc
		}
		properties[name] = schema
		optional := field.Type.Kind() == reflect.Pointer
		for _, option := range tag[1:] {
			optional = optional || option == "omitempty" || option == "omitzero"
		}
		if !optional {
			required = append(required, name)
		}
	}
	return map[string]any{"type": "object", "properties": properties, "required": required}
}
