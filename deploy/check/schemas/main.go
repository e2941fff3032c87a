// Command schemas writes strict JSON Schemas, as kubeconform reads them, out of
// Kubernetes' own OpenAPI description and of CustomResourceDefinitions:
//
//	schemas OUT swagger.json [crd.yaml ...]
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

type schema = map[string]any

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: schemas OUT swagger.json [crd.yaml ...]")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, "schemas:", err)
		os.Exit(1)
	}
}

func run(out, swagger string, crds []string) error {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	if err := builtIn(out, swagger); err != nil {
		return fmt.Errorf("%s: %w", swagger, err)
	}
	for _, crd := range crds {
		if err := custom(out, crd); err != nil {
			return fmt.Errorf("%s: %w", crd, err)
		}
	}
	return nil
}

// Two definitions whose description says less than the API takes.
const (
	intOrString = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
	quantity    = "io.k8s.apimachinery.pkg.api.resource.Quantity"
)

func builtIn(out, path string) error {
	var api struct {
		Definitions map[string]schema `json:"definitions"`
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, &api); err != nil {
		return err
	}
	api.Definitions[intOrString] = schema{"oneOf": []any{schema{"type": "string"}, schema{"type": "integer"}}}
	api.Definitions[quantity] = schema{"oneOf": []any{schema{"type": "string"}, schema{"type": "number"}}}
	for _, s := range api.Definitions {
		tighten(s)
	}
	if err := write(filepath.Join(out, "_definitions.json"), schema{"definitions": api.Definitions}); err != nil {
		return err
	}
	for name, s := range api.Definitions {
		kinds, _ := s["x-kubernetes-group-version-kind"].([]any)
		for _, k := range kinds {
			gvk, ok := k.(schema)
			if !ok || !strings.HasPrefix(name, "io.k8s.api.") {
				continue
			}
			group, version, kind := fmt.Sprint(gvk["group"]), fmt.Sprint(gvk["version"]), fmt.Sprint(gvk["kind"])
			if err := write(filepath.Join(out, fileName(group, version, kind)), object(group, version, kind, schema{"$ref": "_definitions.json#/definitions/" + name})); err != nil {
				return err
			}
		}
	}
	return nil
}

func custom(out, path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var crd struct {
		Spec struct {
			Group string
			Names struct{ Kind string }
			// Versions with their schemas.
			Versions []struct {
				Name   string
				Schema struct {
					OpenAPIV3Schema schema `json:"openAPIV3Schema"`
				}
			}
		}
	}
	if err := yaml.Unmarshal(data, &crd); err != nil {
		return err
	}
	for _, v := range crd.Spec.Versions {
		s := v.Schema.OpenAPIV3Schema
		tighten(s)
		if properties, ok := s["properties"].(schema); ok {
			properties["metadata"] = schema{"$ref": "_definitions.json#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"}
		}
		if err := write(filepath.Join(out, fileName(crd.Spec.Group, v.Name, crd.Spec.Names.Kind)), object(crd.Spec.Group, v.Name, crd.Spec.Names.Kind, s)); err != nil {
			return err
		}
	}
	return nil
}

// fileName is kubeconform's {{.ResourceKind}}{{.KindSuffix}}.json.
func fileName(group, version, kind string) string {
	first, _, _ := strings.Cut(group, ".")
	if first != "" {
		first = "-" + first
	}
	return strings.ToLower(kind) + first + "-" + version + ".json"
}

func object(group, version, kind string, s schema) schema {
	api := version
	if group != "" {
		api = group + "/" + version
	}
	return schema{
		"$schema": "http://json-schema.org/draft-07/schema#",
		"allOf": []any{s, schema{
			"required":   []string{"apiVersion", "kind", "metadata"},
			"properties": schema{"apiVersion": schema{"const": api}, "kind": schema{"const": kind}},
		}},
	}
}

// tighten refuses fields that are not described: the API server drops them in
// silence. The formats of OpenAPI are none of JSON Schema's.
func tighten(v any) {
	s, ok := v.(schema)
	if !ok {
		return
	}
	_, described := s["properties"]
	_, said := s["additionalProperties"]
	if described && !said && s["x-kubernetes-preserve-unknown-fields"] != true {
		s["additionalProperties"] = false
	}
	if s["format"] == "int-or-string" || s["x-kubernetes-int-or-string"] == true {
		delete(s, "type")
		delete(s, "anyOf")
		s["oneOf"] = []any{schema{"type": "string"}, schema{"type": "integer"}}
	}
	delete(s, "format")
	for _, keyword := range []string{"properties"} {
		if inner, ok := s[keyword].(schema); ok {
			for _, p := range inner {
				tighten(p)
			}
		}
	}
	for _, keyword := range []string{"items", "additionalProperties"} {
		tighten(s[keyword])
	}
	for _, keyword := range []string{"oneOf", "anyOf", "allOf"} {
		if all, ok := s[keyword].([]any); ok {
			for _, one := range all {
				// An alternative inside of an object describes part of it.
				if m, ok := one.(schema); ok && m["additionalProperties"] == nil && m["properties"] != nil {
					m["additionalProperties"] = true
				}
				tighten(one)
			}
		}
	}
}

func write(path string, s schema) error {
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}
