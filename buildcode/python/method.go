package python

import (
	"strings"

	"github.com/lockkeeper/lockkeeper/buildcode"
)

// grow is the effect of methods that change a list in place.
func (e *evaluator) grow(receiver value, place, name string, args []argument) {
	if place == "" || len(args) == 0 || receiver.list == nil && name != "setdefault" {
		return
	}
	switch name {
	case "append", "add", "appendleft":
		e.mutate(place, appended(receiver, args[0].v, name == "appendleft"))
	case "insert", "setdefault":
		e.mutate(place, appended(receiver, first(args, 1), true))
	case "extend", "update", "extendleft":
		if v := args[0].v; v.list != nil && v.list.exact && !v.unknown && name == "extend" {
			for _, item := range v.list.items {
				receiver = appended(receiver, item, false)
			}
			e.mutate(place, receiver)
			return
		}
		e.mutate(place, appended(receiver, args[0].v.elements(0), name == "extendleft"))
	}
}

// textMethod evaluates methods of strings, lists, files and paths. False if
// nothing is known of the method or the receiver.
func (e *evaluator) textMethod(v value, name string, args []argument, line int) (value, bool) {
	a0 := first(args, 0)
	switch name {
	case "decode", "encode":
		out := e.decodeMethod(v, first(args, 0, "encoding"), line)
		return out, len(v.strs) > 0 || len(v.files) > 0
	case "join":
		for _, a := range args {
			if a.chars {
				e.use(buildcode.Decode, line)
			}
		}
	}
	if len(v.files) > 0 {
		switch name {
		case "read", "readlines", "strip", "rstrip", "__enter__", "read_text", "read_bytes", "getvalue", "open":
			return value{files: v.files, unknown: v.unknown}, true
		}
	}
	if name == "get_data" && len(args) == 1 { // of a loader
		return e.open(a0, value{}, line), true
	}
	if v.list != nil {
		switch name {
		case "copy", "items", "values", "__iter__":
			return v, true
		case "get", "pop":
			return join(v.elements(0), first(args, 1)), true
		case "append", "extend", "insert", "update", "add", "setdefault", "remove", "sort", "reverse", "clear", "index", "count":
			return value{}, true
		}
	}
	if len(v.strs) == 0 {
		return value{}, false
	}
	return e.stringMethod(v, name, args, a0, line)
}

func (e *evaluator) stringMethod(v value, name string, args []argument, a0 value, line int) (value, bool) {
	switch name {
	case "join":
		e.leak(a0, line)
		out := joinText(v, a0)
		out.files = pieces(a0.elements(0).files)
		return out, true
	case "format":
		for _, a := range args {
			e.leak(a.v, line)
		}
		return formatted(v, args), true
	case "replace":
		from, _ := a0.literals()
		to, _ := first(args, 1).literals()
		if len(from) == 1 && len(to) == 1 && len(args) == 2 && from[0] != "" {
			return v.each(func(s string) string { return strings.ReplaceAll(s, from[0], to[0]) }), true
		}
		return anything, true
	case "lower", "casefold":
		return v.each(strings.ToLower), true
	case "upper":
		return v.each(strings.ToUpper), true
	case "strip", "lstrip", "rstrip", "expandtabs":
		cut := " \t\r\n\f\v"
		if texts, _ := a0.literals(); len(texts) == 1 {
			cut = texts[0]
		}
		return v.each(func(s string) string { return strings.Trim(s, cut) }), true
	case "split", "splitlines", "rsplit":
		if len(args) > 0 {
			return rests(anything, anything), true
		}
		return splitWords(v), true
	case "joinpath":
		return e.joined(append([]argument{{v: v}}, args...)), true
	case "with_name":
		return combine(v, a0, func(x, y string) string { return joinPath(parentDir(x), y) }), true
	case "resolve", "absolute", "as_posix", "relative_to", "__fspath__", "__str__":
		return v, true
	case "expanduser":
		e.use(buildcode.Home, line)
		return v, true
	case "open":
		return e.open(v, first(args, 0, "mode"), line), true
	case "read_text", "read_bytes":
		return e.open(v, value{}, line), true
	case "write_text", "write_bytes", "touch", "unlink", "mkdir", "rename", "replace_with", "symlink_to", "rmdir", "chmod":
		e.touch(v, true, line)
		return anything, true
	case "iterdir", "glob", "rglob":
		e.touch(v, false, line)
		return anything, true
	case "startswith", "endswith", "exists", "is_file", "is_dir", "find", "count", "index", "isdigit", "title", "capitalize", "partition", "rpartition", "zfill", "ljust", "rjust", "center", "translate", "with_suffix":
		return anything, true
	}
	return value{}, false
}

// joinText is sep.join(items).
func joinText(sep, items value) value {
	l := items.list
	if l == nil {
		return strValue(hole)
	}
	if l.exact && !items.unknown {
		var out value
		for i, item := range l.items {
			if i == 0 {
				out = item.each(func(s string) string { return s })
				if len(out.strs) == 0 || out.unknown {
					out = join(value{strs: out.strs}, strValue(hole))
				}
				continue
			}
			out = combine(combine(out, sep, func(x, y string) string { return x + y }), item, func(x, y string) string { return x + y })
		}
		return out
	}
	return combine(combine(l.head, sep, func(x, y string) string { return x + y }), strValue(hole), func(x, y string) string { return x + y })
}

func concat(a, b value) value { return combine(a, b, func(x, y string) string { return x + y }) }

// percent is template % argument. A number of templates may be known; where it
// is not a string, the result is unknown.
func percent(v, w value) value {
	if len(v.strs) == 0 {
		return anything
	}
	out := value{unknown: v.unknown}
	for _, template := range v.strs {
		out = join(out, percentOne(template, w))
	}
	return out
}

func percentOne(template string, w value) value {
	next := 0
	argument := func() value {
		defer func() { next++ }()
		if w.list == nil {
			return w
		}
		if w.list.exact {
			return w.at(next)
		}
		return anything
	}
	out := strValue("")
	for {
		text, rest, found := strings.Cut(template, "%")
		out = concat(out, strValue(text))
		if !found || rest == "" {
			return out
		}
		if rest[0] == '%' {
			out, template = concat(out, strValue("%")), rest[1:]
			continue
		}
		if rest[0] == '(' {
			_, rest, _ = strings.Cut(rest, ")")
			rest = strings.TrimLeft(rest, "#0123456789.+- *")
			out = concat(out, strValue(hole))
		} else {
			rest = strings.TrimLeft(rest, "#0123456789.+- *")
			out = concat(out, argument())
		}
		template = rest[min(1, len(rest)):]
	}
}

// formatted is template.format(args).
func formatted(v value, args []argument) value {
	out := value{unknown: v.unknown}
	for _, template := range v.strs {
		out = join(out, formatOne(template, args))
	}
	return out
}

func formatOne(template string, args []argument) value {
	out, next := strValue(""), 0
	for template != "" {
		i := strings.IndexAny(template, "{}")
		if i < 0 {
			return concat(out, strValue(template))
		}
		out = concat(out, strValue(template[:i]))
		c := template[i]
		rest := template[i+1:]
		if rest != "" && rest[0] == c {
			out, template = concat(out, strValue(string(c))), rest[1:]
			continue
		}
		if c == '}' {
			template = rest
			continue
		}
		field, after, _ := strings.Cut(rest, "}")
		template = after
		name := strings.TrimSpace(field)
		if end := strings.IndexAny(name, "!:.["); end >= 0 {
			name = name[:end]
		}
		switch {
		case name == "":
			out = concat(out, first(args, next))
			next++
		case isDigit(name[0]):
			n := 0
			for _, d := range []byte(name[:min(len(name), 3)]) {
				n = n*10 + int(d-'0')
			}
			out = concat(out, first(args, n))
		default:
			found := anything
			for _, a := range args {
				if a.name == name {
					found = a.v
				}
			}
			out = concat(out, found)
		}
	}
	return out
}
