package strict

import (
	"encoding"
	"fmt"
	"reflect"
	"sort"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
)

// check compares what the file says with what into can hold. It sees to keys and
// kinds of values; ranges of numbers are the library's.
func check(tree map[string]any, root *node, into any) []*Error {
	c := &checker{}
	c.value(tree, reflect.TypeOf(into), root, nil)
	return c.found
}

type checker struct{ found []*Error }

// add reports a mistake at n; where n is nil, at no place.
func (c *checker) add(n *node, path []any, err error, format string, args ...any) {
	if len(c.found) >= maxFound {
		return
	}
	e := &Error{Key: dotted(path), Message: fmt.Sprintf(format, args...), Err: err}
	if n != nil {
		e.Line, e.Column = n.line, n.column
	}
	c.found = append(c.found, e)
}

var (
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
	tomlUnmarshaler = reflect.TypeFor[toml.Unmarshaler]()
	timeType        = reflect.TypeFor[time.Time]()
	durationType    = reflect.TypeFor[time.Duration]()
	primitive       = reflect.TypeFor[toml.Primitive]()
)

// value checks one value against the type that is to hold it.
func (c *checker) value(v any, t reflect.Type, n *node, path []any) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	pointer := reflect.PointerTo(t)
	switch {
	case t == primitive, pointer.Implements(tomlUnmarshaler), t.Kind() == reflect.Interface:
		return
	case t == timeType:
		if _, ok := v.(time.Time); !ok {
			c.mismatch(v, "a date", n, path)
		}
		return
	case pointer.Implements(textUnmarshaler):
		c.text(v, t, n, path)
		return
	case t == durationType:
		c.duration(v, n, path)
		return
	}
	switch t.Kind() {
	case reflect.Struct:
		c.table(v, t, n, path)
	case reflect.Map:
		table, ok := v.(map[string]any)
		if !ok {
			c.mismatch(v, "a table", n, path)
		}
		for key, item := range table {
			c.value(item, t.Elem(), n.child(key), append(path[:len(path):len(path)], key))
		}
	case reflect.Slice, reflect.Array:
		c.list(v, t, n, path)
	case reflect.String:
		c.kind(isA[string](v), v, "a string", n, path)
	case reflect.Bool:
		c.kind(isA[bool](v), v, "true or false", n, path)
	case reflect.Float32, reflect.Float64:
		c.kind(isA[float64](v) || isA[int64](v), v, "a number", n, path)
	default:
		c.kind(isA[int64](v), v, "a whole number", n, path)
	}
}

func isA[T any](v any) bool { _, ok := v.(T); return ok }

func (c *checker) kind(ok bool, v any, want string, n *node, path []any) {
	if !ok {
		c.mismatch(v, want, n, path)
	}
}

func (c *checker) mismatch(v any, want string, n *node, path []any) {
	c.add(n, path, nil, "%s must be %s, not %s", dotted(path), want, describe(v))
}

func describe(v any) string {
	switch v.(type) {
	case string:
		return "a string"
	case bool:
		return "true or false"
	case int64:
		return "a whole number"
	case float64:
		return "a number with a fraction"
	case time.Time:
		return "a date"
	case map[string]any:
		return "a table"
	}
	return "a list"
}

// text tries a type that reads itself, because only here is the place known.
func (c *checker) text(v any, t reflect.Type, n *node, path []any) {
	s, ok := v.(string)
	if !ok {
		c.mismatch(v, "a string", n, path)
		return
	}
	if err := reflect.New(t).Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(s)); err != nil {
		c.add(n, path, err, "%s: %v", dotted(path), err)
	}
}

// duration wants its unit: the library takes a bare number for nanoseconds, which
// nobody means.
func (c *checker) duration(v any, n *node, path []any) {
	s, ok := v.(string)
	if !ok {
		c.mismatch(v, `a duration such as "90s"`, n, path)
		return
	}
	if _, err := time.ParseDuration(s); err != nil {
		c.add(n, path, err, "%s must be a duration such as \"90s\" or \"1h30m\", not %q", dotted(path), s)
	}
}

func (c *checker) list(v any, t reflect.Type, n *node, path []any) {
	at := func(i int) (*node, []any) { return n.child(i), append(path[:len(path):len(path)], i) }
	switch list := v.(type) {
	case []any:
		for i, item := range list {
			child, where := at(i)
			c.value(item, t.Elem(), child, where)
		}
	case []map[string]any:
		for i, item := range list {
			child, where := at(i)
			c.value(item, t.Elem(), child, where)
		}
	case map[string]any:
		c.add(n, path, nil, "%s is a list: write [[%s]], with two brackets", dotted(path), dotted(path))
	default:
		c.mismatch(v, "a list", n, path)
	}
}

// table checks the keys of a table against the fields of a struct.
func (c *checker) table(v any, t reflect.Type, n *node, path []any) {
	table, ok := v.(map[string]any)
	if list, isList := v.([]map[string]any); isList && len(list) > 0 {
		c.add(n, path, nil, "%s is one table, not a list: write [%s], with one bracket", dotted(path), dotted(path))
		return
	}
	if !ok {
		c.mismatch(v, "a table", n, path)
		return
	}
	known := fields(t)
	for key, item := range table {
		where := append(path[:len(path):len(path)], key)
		child := n.child(key)
		field, ok := known[key]
		if !ok {
			c.unknown(key, known, child, where)
			continue
		}
		c.value(item, field, child, where)
	}
}

func (c *checker) unknown(key string, known map[string]reflect.Type, n *node, path []any) {
	names := make([]string, 0, len(known))
	for name := range known {
		names = append(names, name)
	}
	sort.Strings(names)
	in := ""
	if len(path) > 1 {
		in = " in " + dotted(path[:len(path)-1])
	}
	hint := "; known here: " + strings.Join(names, ", ")
	if close := Closest(key, names); close != "" {
		hint = fmt.Sprintf(", did you mean %q?", close)
	}
	c.add(n, path, nil, "unknown key %q%s%s", key, in, hint)
}

// fields of t by the name they have in TOML, those of embedded structs included.
func fields(t reflect.Type) map[string]reflect.Type {
	known := make(map[string]reflect.Type)
	for _, f := range reflect.VisibleFields(t) {
		tag, _, _ := strings.Cut(f.Tag.Get("toml"), ",")
		if tag == "-" || !f.IsExported() || f.Anonymous && tag == "" {
			continue
		}
		if tag == "" {
			tag = f.Name
		}
		known[tag] = f.Type
	}
	return known
}
