// Package schematest holds the published JSON Schemas of docs/schema against the Go
// types that read or write such documents, so that neither drifts from the other.
// It is for tests alone.
package schematest

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/lockkeeper/lockkeeper/docs"
)

// Compile reads the schema of that name, "policy", and fails where it is none.
func Compile(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(docs.Schema(name)))
	if err != nil {
		t.Fatalf("docs/schema/%s.schema.json: %v", name, err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("schema.json")
	if err != nil {
		t.Fatalf("docs/schema/%s.schema.json: %v", name, err)
	}
	return schema
}

// Drift compares the schema of that name with a struct type. Every field has a
// property of its tag's name and the reverse; every property is described. With the
// tag "json" a property is required if its field is never left out.
func Drift(t *testing.T, name string, of reflect.Type, tag string) {
	t.Helper()
	var schema map[string]any
	if err := json.Unmarshal(docs.Schema(name), &schema); err != nil {
		t.Fatal(err)
	}
	d := drift{t: t, tag: tag, where: name}
	d.compare(schema, of)
}

type drift struct {
	t     *testing.T
	tag   string
	where string
}

func (d drift) compare(schema map[string]any, of reflect.Type) {
	d.t.Helper()
	for of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	schema = object(schema)
	switch of.Kind() {
	case reflect.Slice:
		if items, ok := schema["items"].(map[string]any); ok {
			d.compare(items, of.Elem())
		} else {
			d.t.Errorf("%s: the schema has no list", d.where)
		}
	case reflect.Struct:
		d.compareStruct(schema, of)
	}
}

func (d drift) compareStruct(schema map[string]any, of reflect.Type) {
	d.t.Helper()
	properties, _ := schema["properties"].(map[string]any)
	var fields, required []string
	for i := range of.NumField() {
		name, options, _ := strings.Cut(of.Field(i).Tag.Get(d.tag), ",")
		if name == "" || name == "-" {
			continue
		}
		fields = append(fields, name)
		if options != "omitempty" && options != "omitzero" {
			required = append(required, name)
		}
		property, ok := properties[name].(map[string]any)
		if !ok {
			d.t.Errorf("%s: the schema lacks %s", d.where, name)
			continue
		}
		if property["description"] == nil && property["$ref"] == nil {
			d.t.Errorf("%s.%s is not described", d.where, name)
		}
		d := d
		d.where += "." + name
		d.compare(property, of.Field(i).Type)
	}
	for name := range properties {
		if !slices.Contains(fields, name) {
			d.t.Errorf("%s: the schema has %s, which nobody writes or reads", d.where, name)
		}
	}
	if d.tag == "json" {
		stated := texts(schema["required"])
		slices.Sort(required)
		slices.Sort(stated)
		if !slices.Equal(required, stated) {
			d.t.Errorf("%s: the schema requires %v; always there are %v", d.where, stated, required)
		}
	}
}

// object is the schema of the value itself where it may also be null.
func object(schema map[string]any) map[string]any {
	either, _ := schema["anyOf"].([]any)
	for _, one := range either {
		if s, ok := one.(map[string]any); ok && s["properties"] != nil {
			return s
		}
	}
	return schema
}

func texts(list any) []string {
	all, _ := list.([]any)
	var words []string
	for _, word := range all {
		if s, ok := word.(string); ok {
			words = append(words, s)
		}
	}
	return words
}
