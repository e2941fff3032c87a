package config

import (
	"encoding"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/lockkeeper/lockkeeper/config/strict"
)

const envPrefix = "LOCKKEEPER_"

// PathVariable names the configuration file, for the command to read; Load
// ignores it.
const PathVariable = "LOCKKEEPER_CONFIG"

// setting is one field, by the name of its variable.
type setting struct {
	section, key string
	value        reflect.Value
}

// settings lists every field of every section that there is one of, so that a new one has its
// variable without further ado.
func (c *Config) settings() map[string]setting {
	all := make(map[string]setting)
	config := reflect.ValueOf(c).Elem()
	for i := range config.NumField() {
		section := config.Type().Field(i).Tag.Get("toml")
		if section == "-" {
			continue
		}
		fields := config.Field(i)
		if fields.Kind() != reflect.Struct {
			continue // [[registry]]
		}
		for j := range fields.NumField() {
			key := fields.Type().Field(j).Tag.Get("toml")
			name := envPrefix + strings.ToUpper(strings.ReplaceAll(section+"_"+key, "-", "_"))
			all[name] = setting{section, key, fields.Field(j)}
		}
	}
	return all
}

// override puts variables over settings. A variable for a secret, or for the
// file that it is in, replaces what the configuration file says of either: whoever
// sets webhook-secret in the environment does not mean webhook-secret-file of the
// file.
func (c *Config) override(env []string, inFile func(setting) bool) error {
	known := c.settings()
	values := make(map[string]string)
	for _, variable := range env {
		name, value, _ := strings.Cut(variable, "=")
		if !strings.HasPrefix(name, envPrefix) || name == PathVariable || value == "" || slices.Contains(c.tokenVariables(), name) {
			continue
		}
		if _, ok := known[name]; ok {
			values[name] = value
		} else {
			c.noteUnknown(name, known)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		for _, other := range []string{name, name + "_FILE", strings.TrimSuffix(name, "_FILE")} {
			if s, ok := known[other]; ok && inFile(s) && !s.value.IsZero() && !(other != name && values[other] != "") {
				c.Notes = append(c.Notes, fmt.Sprintf("%s replaces %s in [%s] of the configuration file", name, s.key, s.section))
				s.value.SetZero()
			}
		}
	}
	for name, value := range values {
		if err := known[name].assign(value); err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
	}
	slices.Sort(c.Notes)
	return nil
}

func (s setting) assign(value string) error {
	if text, ok := s.value.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return text.UnmarshalText([]byte(value))
	}
	switch s.value.Kind() {
	case reflect.String:
		s.value.SetString(value)
	case reflect.Int64:
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			// Without the value: it may be a secret that went into the wrong variable.
			return fmt.Errorf("%s in [%s] must be a whole number", s.key, s.section)
		}
		s.value.SetInt(n)
	case reflect.Bool:
		b, err := strconv.ParseBool(value)
		if err != nil {
			return fmt.Errorf("%s in [%s] must be true or false", s.key, s.section)
		}
		s.value.SetBool(b)
	default:
		return fmt.Errorf("%s in [%s] cannot be set by a variable", s.key, s.section)
	}
	return nil
}

// noteUnknown tells of a variable that nobody reads. It is no error, since
// Kubernetes sets variables of its own for a service of our name:
// LOCKKEEPER_SERVICE_HOST, LOCKKEEPER_PORT_80_TCP.
func (c *Config) noteUnknown(name string, known map[string]setting) {
	rest := strings.TrimPrefix(name, envPrefix)
	if strings.HasPrefix(rest, "SERVICE_") || rest == "PORT" || strings.HasPrefix(rest, "PORT_") {
		return
	}
	var names []string // without what all have in common, which would make all close
	for _, n := range slices.Sorted(maps.Keys(known)) {
		names = append(names, strings.TrimPrefix(n, envPrefix))
	}
	note := name + " is not a setting"
	if close := strict.Closest(rest, names); close != "" {
		note += ", did you mean " + envPrefix + close + "?"
	}
	c.Notes = append(c.Notes, note)
}
