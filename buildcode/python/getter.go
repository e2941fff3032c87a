package python

import (
	"strings"

	"github.com/lockkeeper/lockkeeper/buildcode"
)

// boundGetter stands before the kind and name of what the functions of module
// operator make: "getter:attr:os.system", "getter:item:system", "getter:call:run".
const boundGetter = "getter:"

// getter is operator.attrgetter, itemgetter and methodcaller.
func (e *evaluator) getter(p string, args []argument, line int) value {
	kind := map[string]string{"operator.attrgetter": "attr:", "operator.itemgetter": "item:", "operator.methodcaller": "call:"}[p]
	named := args
	if kind == "call:" && len(args) > 1 {
		named = args[:1]
	}
	out := value{}
	for _, a := range named {
		texts, all := a.v.literals()
		for _, text := range texts {
			out = join(out, pathValue(boundGetter+kind+text))
			if kind == "call:" {
				// Whose method it is shows later, what it is called with now.
				e.call(e.attribute(anything, text), anything, text, args[1:], line)
			}
		}
		if !all && kind != "item:" {
			e.use(buildcode.Unanalysed, line)
			out.unknown = true
		}
	}
	return out
}

// callGetter evaluates a call of what getter made. False if p is none.
func (e *evaluator) callGetter(p string, args []argument, line int) (value, bool) {
	rest, found := strings.CutPrefix(p, boundGetter)
	if !found {
		return value{}, false
	}
	kind, name, _ := strings.Cut(rest, ":")
	v := first(args, 0)
	switch kind {
	case "attr":
		for part := range strings.SplitSeq(name, ".") {
			v = e.attribute(v, part)
		}
		return v, true
	case "item":
		out := v.elements(0)
		for _, p := range v.paths {
			out = join(out, e.item(p, strValue(name), line))
		}
		return out, true
	}
	return e.call(e.attribute(v, name), v, name, []argument{{v: anything, star: 1}}, line), true
}

// reduce is functools.reduce(function, items, first).
func (e *evaluator) reduce(args []argument, line int) value {
	function, items := first(args, 0), first(args, 1)
	result := first(args, 2, "initial")
	if items.list == nil || !items.list.exact || items.unknown {
		e.escape(function, line)
		e.escape(items, line)
		e.escape(result, line)
		return anything
	}
	elements := items.list.items
	if len(args) < 3 && len(elements) > 0 {
		result, elements = elements[0], elements[1:]
	}
	for _, item := range elements {
		result = e.call(function, value{}, "", []argument{{v: result}, {v: item}}, line)
	}
	return result
}
