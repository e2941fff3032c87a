package rust

import (
	"slices"
	"strings"
)

// value is what an expression may come to, as far as tokens tell.
type value struct {
	literals  []string // strings that it may be
	fragments []string // strings that it may contain: parts of format! and concat!
	env       []string // variables of the environment that it may come from
	unknown   bool     // something in it could not be followed
	composed  bool     // literals are parts of a path, put together by join
}

// empty reports whether nothing at all was found.
func (v *value) empty() bool { return len(v.literals)+len(v.fragments)+len(v.env) == 0 && !v.unknown }

func (v *value) has(env string) bool { return slices.Contains(v.env, env) }

// span is an expression: tokens of a source, seen from within a call whose
// parameters stand for other spans.
type span struct {
	s      *source
	lo, hi int
	params map[string]span
}

// Bounds of what evaluation costs, for one program and for one expression of it.
// An expression that exceeds them is unknown, and a program unanalysed.
const (
	maxSteps      = 2_000_000
	maxExpression = 100_000
	maxDepth      = 12
	// maxValues bounds what an expression may come to.
	maxValues = 64
)

// Methods that hand on what they are called on, or give a fallback for it.
var handOn = wordSet(`and_then to_uppercase to_ascii_uppercase to_ascii_lowercase as_deref as_mut as_os_str as_path as_ref as_slice as_str borrow canonicalize chain clone cloned collect
	copied display err expect filter filter_map find find_map first flat_map flatten flush for_each get into into_iter into_os_string into_owned
	into_string is_empty is_none is_some iter join last len lines map map_err max min next next_back nth ok ok_or ok_or_else or or_else
	path parent push replace rev skip split split_whitespace starts_with ends_with contains take to_lowercase to_os_string to_owned to_path_buf to_str to_string
	to_string_lossy trim trim_end trim_start unwrap unwrap_or unwrap_or_default unwrap_or_else with_extension with_file_name zip exists is_file is_dir`)

// Types and functions whose names say nothing about the value.
var neutral = wordSet(`Some None Ok Err Box String OsString OsStr Path PathBuf Cow From Into AsRef ToString ToOwned Vec Option Result str
	from new to_string into Default default default_or once iter Ordering from_utf8 from_utf8_lossy to_str as_ref exit Borrowed Owned empty
	usize u8 u16 u32 u64 bool char consts EXE_SUFFIX EXE_EXTENSION MAIN_SEPARATOR Iterator Ok`)

// Methods whose arguments are text for people.
var messages = wordSet("expect context with_context expect_err wrap_err ok_or ok_or_else")

func wordSet(s string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(s) {
		set[w] = true
	}
	return set
}

// evaluate follows an expression to strings and variables.
func (p *program) evaluate(e span) value {
	var v value
	p.begin()
	p.follow(e, &v, 0, false)
	for _, list := range []*[]string{&v.literals, &v.fragments, &v.env} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return v
}

// begin gives one expression its share of steps.
func (p *program) begin() { p.limit = min(p.steps+maxExpression, maxSteps) }

// follow adds to v what the expression may come to. Strings of a fragment are
// only part of the value.
func (p *program) follow(e span, v *value, depth int, fragment bool) {
	if depth > maxDepth {
		v.unknown = true
		return
	}
	tokens := e.s.tokens
	closure := map[string]bool{}
	for i := e.lo; i < e.hi && i < len(tokens); {
		if p.steps++; p.steps > p.limit {
			v.unknown = true
			return
		}
		switch t := tokens[i]; {
		case t.kind == str:
			if fragment {
				v.fragments = append(v.fragments, t.text)
				p.captures(e, t.text, i, v, depth)
			} else {
				v.literals = append(v.literals, t.text)
			}
			i++
		case t.is("|"):
			i = closureParams(tokens, i, e.hi, closure)
		case t.kind == ident && at(tokens, i-1).is("."):
			i = p.method(e, v, i)
		case t.kind == ident && at(tokens, i+1).is("!") && opens(at(tokens, i+2)):
			i = p.macro(e, v, i, depth, fragment)
		case t.word("if"), t.word("while"):
			// The condition decides and is not what comes out.
			i = max(seek(tokens, i+1, "{"), i+1)
			v.unknown = v.unknown || !ended(tokens, i)
		case t.word("match"):
			i = p.arms(e, v, i, depth, fragment)
		case t.is("{"):
			// Of a block, what stands behind its last semicolon.
			end := min(block(tokens, i), e.hi)
			i = tail(tokens, i, end)
		case t.kind == ident && keywords[t.text] && !t.raw:
			i++
		case t.kind == ident || t.is("$"):
			i = p.name(e, v, i, depth, fragment, closure)
		default:
			i++
		}
	}
}

// arms follows what the arms of a match come to, not what they compare with.
func (p *program) arms(e span, v *value, i, depth int, fragment bool) int {
	tokens := e.s.tokens
	open := seek(tokens, i+1, "{")
	if !at(tokens, open).is("{") || open >= e.hi {
		return i + 1
	}
	end := min(block(tokens, open), e.hi)
	for j := open + 1; j < end-1; {
		arrow := seek(tokens, j, "=")
		for arrow < end-1 && !at(tokens, arrow+1).is(">") {
			arrow = seek(tokens, arrow+1, "=")
		}
		lo := arrow + 2
		hi := min(seek(tokens, lo, ","), end-1)
		if at(tokens, lo).is("{") {
			hi = min(block(tokens, lo), end-1)
		}
		if lo >= end-1 || hi < lo {
			break
		}
		v.unknown = v.unknown || !ended(tokens, hi)
		p.follow(span{e.s, lo, hi, e.params}, v, depth+1, fragment)
		j = hi
		if at(tokens, j).is(",") {
			j++
		}
		j = max(j, arrow+2)
	}
	return end
}

// tail is where the value of the block between lo and hi, braces included, begins.
func tail(tokens []token, lo, hi int) int {
	start := lo + 1
	for i := lo + 1; i < hi-1; {
		if tokens[i].is(";") {
			start = i + 1
		}
		i = max(block(tokens, i), i+1)
	}
	return start
}

// closureParams records the names between two bars.
func closureParams(tokens []token, i, hi int, names map[string]bool) int {
	for j := i + 1; j < hi && j < i+12; j++ {
		if tokens[j].kind == ident {
			names[tokens[j].text] = true
		}
		if tokens[j].is("|") {
			return j + 1
		}
	}
	return i + 1
}

// method handles the name behind a dot; arguments follow as part of the expression.
func (p *program) method(e span, v *value, i int) int {
	tokens := e.s.tokens
	name := tokens[i].text
	_, end := pathAt(tokens, i)
	if !at(tokens, end).is("(") {
		v.unknown = v.unknown || name != "await"
		return i + 1
	}
	if (name == "get_compiler" || name == "try_get_compiler") && len(p.deps["cc"]) > 0 {
		// The compiler that cc found, whatever the cc::Build before it says.
		*v = value{env: []string{"CC"}}
		return block(tokens, end)
	}
	if messages[name] {
		return block(tokens, end)
	}
	if !handOn[name] {
		v.unknown = true
	}
	v.composed = v.composed || name == "join" || name == "with_file_name"
	return end
}

// macro handles name!(...).
func (p *program) macro(e span, v *value, i, depth int, fragment bool) int {
	tokens := e.s.tokens
	end := block(tokens, i+2)
	inner := span{e.s, i + 3, end - 1, e.params}
	switch tokens[i].text {
	case "concat":
		if text, ok := joined(tokens, inner.lo, inner.hi); ok && !fragment {
			v.literals = append(v.literals, text)
			break
		}
		p.follow(inner, v, depth+1, true)
	case "format", "format_args":
		p.follow(inner, v, depth+1, true)
	case "env", "option_env":
		if t := at(tokens, i+3); t.kind == str {
			v.env = append(v.env, t.text)
		} else {
			v.unknown = true
		}
	case "vec", "matches", "stringify":
		p.follow(inner, v, depth+1, false)
	case "cfg", "println", "eprintln", "print", "eprint", "panic", "assert", "unreachable", "todo", "unimplemented", "debug_assert", "warn":
	default:
		v.unknown = true
	}
	return end
}

// joined is what a concat! of nothing but strings and characters comes to.
func joined(tokens []token, lo, hi int) (string, bool) {
	var b strings.Builder
	for i := lo; i < hi; i++ {
		switch t := at(tokens, i); {
		case t.kind == str || t.kind == char:
			b.WriteString(t.text)
		case !t.is(","):
			return "", false
		}
	}
	return b.String(), true
}

// captures follows {name} in the string of a format!.
func (p *program) captures(e span, format string, i int, v *value, depth int) {
	for {
		_, rest, found := strings.Cut(format, "{")
		if !found {
			return
		}
		name, after, found := strings.Cut(rest, "}")
		if !found {
			return
		}
		name, _, _ = strings.Cut(name, ":")
		if n := identLen(name); n > 0 && n == len(name) {
			p.variable(e, v, normal(name), i, depth, true)
		}
		format = after
	}
}

// name handles a path: a variable, a constant, a call.
func (p *program) name(e span, v *value, i, depth int, fragment bool, closure map[string]bool) int {
	tokens := e.s.tokens
	path, end := pathAt(tokens, i)
	if len(path) == 0 || end <= i {
		return i + 1
	}
	last := path[len(path)-1]
	call := at(tokens, end).is("(")
	for _, full := range p.resolve(e.s, path) {
		switch sinkOf(full).kind {
		case readsVariable:
			if !call {
				v.unknown = true
				return end
			}
			close := block(tokens, end)
			p.variables(span{e.s, end + 1, close - 1, e.params}, v, depth)
			return close
		case currentDir:
			v.env = append(v.env, "CARGO_MANIFEST_DIR")
			return end
		}
	}
	switch {
	case len(path) == 1 && closure[last]:
	case len(path) == 1 && !call && p.variable(e, v, last, i, depth, fragment):
	case call && p.call(e, v, last, end, depth, fragment):
		return block(tokens, end)
	case neutral[last] || len(path) > 1 && neutral[path[len(path)-2]]:
	case at(tokens, end).is(":") && !call: // a field's name or a type annotation
	default:
		v.unknown = true
	}
	return end
}

// variables adds the names of environment variables that an expression may be.
func (p *program) variables(e span, v *value, depth int) {
	var name value
	p.follow(e, &name, depth+1, false)
	v.env = append(v.env, name.literals...)
	if len(name.fragments) > 0 {
		// Of what a format! makes only the beginning is known; Cargo's own will do, and
		// what names a tool for one target: STRIP_x86_64-unknown-linux-gnu.
		f := name.fragments[0]
		prefix, _, open := strings.Cut(f, "{")
		base, tool := strings.CutSuffix(prefix, "_")
		if _, suffix, found := cutLast(f, "}_"); found && prefix == "CARGO_TARGET_" && tools[suffix] != "" {
			prefix = suffix // CARGO_TARGET_{}_STRIP
		}
		if open && (strings.HasPrefix(f, "CARGO_") && len(prefix) > 0 && prefix != "CARGO_" || tool && tools[base] != "" && compilerVariable.MatchString(base)) {
			v.env = append(v.env, prefix)
		} else {
			v.unknown = true
		}
	}
	v.unknown = v.unknown || name.unknown || name.empty()
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// variable follows a name to what it was bound to; false if it is bound nowhere.
func (p *program) variable(e span, v *value, name string, i, depth int, fragment bool) bool {
	if to, found := e.params[name]; found {
		p.follow(to, v, depth+1, fragment)
		return true
	}
	owner := int32(-1)
	if i < len(e.s.owner) {
		owner = e.s.owner[i]
	}
	found := false
	p.steps += len(e.s.bindings[name])
	for _, b := range e.s.bindings[name] {
		switch {
		case b.owner != owner && b.owner != -1:
		case b.changed:
			v.unknown = true
			found = true
		case i < b.lo || i >= b.hi:
			p.bound(span{e.s, b.lo, b.hi, e.params}, v, depth, fragment)
			found = true
		default:
			// Not out of its own expression: let x = x.trim().
			found = found || len(e.s.bindings[name]) > 1
		}
	}
	if owner >= 0 {
		if k := slices.Index(e.s.functions[owner].params, name); k >= 0 {
			name := e.s.functions[owner].name
			p.once(valueKey{lo: k, fragment: fragment, callee: name}, v, func(into *value) { p.callers(name, k, into, depth, fragment) })
			found = true
		}
	}
	if found {
		return true
	}
	for _, s := range p.sources {
		for _, b := range s.bindings[name] {
			if b.owner == -1 && s != e.s {
				p.bound(span{s, b.lo, b.hi, nil}, v, depth, fragment)
				found = true
			}
		}
	}
	return found
}

// valueKey is an expression outside of any call that is being followed.
type valueKey struct {
	s        *source
	lo       int
	fragment bool
	callee   string // with lo the position of an argument
}

// bound follows the expression of a binding, once for all places that name it
// unless it depends on the arguments of a call.
func (p *program) bound(e span, v *value, depth int, fragment bool) {
	if len(e.params) > 0 {
		p.follow(e, v, depth+1, fragment)
		return
	}
	p.once(valueKey{s: e.s, lo: e.lo, fragment: fragment}, v, func(into *value) { p.follow(e, into, depth+1, fragment) })
}

// once keeps the value of a key. While it is being found it counts as nothing,
// which ends circles.
func (p *program) once(key valueKey, v *value, find func(*value)) {
	known, found := p.values[key]
	if !found {
		known = &value{}
		p.values[key] = known
		find(known)
	}
	v.merge(known)
}

func (v *value) merge(other *value) {
	v.unknown = v.unknown || other.unknown
	v.composed = v.composed || other.composed
	for _, pair := range []struct {
		to   *[]string
		from []string
	}{{&v.literals, other.literals}, {&v.fragments, other.fragments}, {&v.env, other.env}} {
		for _, s := range pair.from {
			if !slices.Contains(*pair.to, s) {
				*pair.to = append(*pair.to, s)
			}
		}
	}
	if len(v.literals)+len(v.fragments)+len(v.env) > maxValues {
		v.unknown = true
		v.literals, v.fragments, v.env = v.literals[:min(len(v.literals), maxValues)], v.fragments[:min(len(v.fragments), maxValues)], v.env[:min(len(v.env), maxValues)]
	}
}

// callers follows the k-th argument of all calls of a function.
func (p *program) callers(name string, k int, v *value, depth int, fragment bool) {
	called := false
	for _, s := range p.sources {
		p.steps += len(s.tokens) / 8
		for i, t := range s.tokens {
			if t.kind != ident || t.text != name || at(s.tokens, i-1).word("fn") {
				continue
			}
			if !at(s.tokens, i+1).is("(") {
				v.unknown = true // handed on as a value
				continue
			}
			end := block(s.tokens, i+1)
			parts := p.split(s, i+2, end-1)
			if k >= len(parts) {
				v.unknown = true
				continue
			}
			called = true
			p.follow(parts[k], v, depth+1, fragment)
		}
	}
	v.unknown = v.unknown || !called
}

func (p *program) split(s *source, lo, hi int) []span {
	var spans []span
	if p.steps += hi - lo; p.steps > maxSteps {
		return nil // the whole counts as too entangled
	}
	for _, part := range split(s.tokens[min(lo, hi):hi]) {
		spans = append(spans, span{s, lo, lo + len(part), nil})
		lo += len(part) + 1
	}
	return spans
}

// call follows a call of a function of the program to what it returns; false if
// there is no such function.
func (p *program) call(e span, v *value, name string, open, depth int, fragment bool) bool {
	args := p.split(e.s, open+1, block(e.s.tokens, open)-1)
	found := false
	for _, s := range p.sources {
		for _, f := range s.functions {
			if f.name != name || len(f.params) != len(args) {
				continue
			}
			found = true
			params := map[string]span{}
			for k, param := range f.params {
				if param != "" {
					args[k].params = e.params
					params[param] = args[k]
				}
			}
			for _, r := range returns(s, f) {
				r.params = params
				p.follow(r, v, depth+1, fragment)
			}
		}
	}
	return found
}

// returns are the expressions that a function may return: each return, and what
// stands behind the last semicolon.
func returns(s *source, f function) []span {
	var all []span
	last := tail(s.tokens, f.start, f.end)
	for i := f.start + 1; i < last; i++ {
		if s.tokens[i].word("return") {
			hi := expressionEnd(s.tokens, i+1, false)
			if !ended(s.tokens, hi) {
				hi = f.end
			}
			all = append(all, span{s: s, lo: i + 1, hi: hi})
		}
	}
	return append(all, span{s: s, lo: last, hi: f.end - 1})
}
