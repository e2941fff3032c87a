package rust

import (
	"path"
	"strings"
)

// reach follows one root to every file that is compiled or included into it.
type reach struct {
	files *tree
	// sources are the Rust files, in the order found; data what include_str! and
	// include_bytes! take in.
	sources map[string]*source
	order   []string
	data    map[string]bool
	// tests are files declared under #[cfg(test)] alone.
	tests map[string]bool
	// generated: code is included from OUT_DIR.
	generated bool
	// undecided says where reach could not be followed.
	undecided []place
	// handed are includes handed to macros that leave their arguments alone, unless
	// the program has replaced them.
	handed   []place
	replaced bool
	// named are includes that macros are given the name of, which matters if one
	// calls what it is given.
	named   []place
	calls   bool
	edition edition
	// compiled: what is added is known to be compiled, so that every module that it
	// declares must be there.
	compiled bool
	budget   *int // bytes of source left to read
}

// place is evidence: a line of a file.
type place struct {
	path string
	line int
	text string
}

func newReach(files *tree, budget *int, e edition) *reach {
	return &reach{edition: e, files: files, sources: map[string]*source{}, data: map[string]bool{}, tests: map[string]bool{}, budget: budget}
}

// add takes in a file and whatever it reaches.
func (r *reach) add(name string) {
	queue := []string{name}
	for len(queue) > 0 {
		name, queue = queue[0], queue[1:]
		if r.sources[name] != nil {
			continue
		}
		s := &source{path: name}
		r.sources[name] = s
		r.order = append(r.order, name)
		if err := r.read(s); err != nil {
			r.undecided = append(r.undecided, place{path: name, text: err.Error()})
			continue
		}
		w := walker{r: r, s: s, dir: path.Dir(name), stem: strings.TrimSuffix(path.Base(name), ".rs")}
		w.markTests(s.tokens)
		s.tokens = relevant(s.tokens, func([]string) bool { return false }, func(string) bool { return false })
		s.nesting = nestingOf(s.tokens)
		w.walk(0, len(s.tokens), []string{""})
		w.aliases()
		queue = append(queue, w.found...)
	}
	if r.replaced {
		r.undecided = append(r.undecided, r.handed...)
		r.handed = nil
	}
	if r.calls {
		r.undecided = append(r.undecided, r.named...)
		r.named = nil
	}
}

// errBudget: more source than any build code has.
type errBudget struct{}

func (errBudget) Error() string { return "more source than is analysed" }

func (r *reach) read(s *source) error {
	data, err := r.files.archive.ReadFile(s.path)
	if err != nil {
		return err
	}
	if *r.budget -= len(data); *r.budget < 0 {
		return errBudget{}
	}
	s.text = string(data)
	s.tokens, err = lex(s.text, r.edition)
	pair(s.tokens)
	return err
}

// walker goes through the tokens of one file in search of other files.
type walker struct {
	r         *reach
	s         *source
	dir, stem string
	found     []string
	// unsure: within an inline module whose directory a macro chooses.
	unsure bool
	looks  int // around a token, bounded
}

// attributes are those of the item that follows, as far as they name its file.
type attributes struct {
	paths       []string
	unknown     bool
	chosen      bool // a path that a macro chooses
	conditional bool // under cfg
}

// walk handles the tokens from lo to hi, which lie in inline modules whose files
// are looked for in any of the directories nest, relative to the file's own.
func (w *walker) walk(lo, hi int, nest []string) {
	tokens := w.s.tokens
	pending := attributes{unknown: pasted(tokens, lo)}
	for i := lo; i < hi; {
		t := tokens[i]
		switch {
		case t.is("#") && at(tokens, i+1).is("["):
			end := block(tokens, i+1)
			pending.read(tokens[i+1 : end])
			i = end
			continue
		case t.is("#") && at(tokens, i+1).is("!") && at(tokens, i+2).is("["):
			i = block(tokens, i+2) // of what is around; module has read it
			continue
		case t.word("pub"):
			if i++; at(tokens, i).is("(") {
				i = block(tokens, i)
			}
			continue
		case t.word("mod") && !at(tokens, i-1).is("."):
			i = w.module(i, hi, nest, pending)
		case t.kind == ident && strings.HasPrefix(t.text, "include") && at(tokens, i+1).is("!") && opens(at(tokens, i+2)):
			w.include(i)
			i += 3
		case t.kind == ident && strings.HasPrefix(t.text, "include"):
			w.mention(i)
			i++
		default:
			i++
		}
		if pending.chosen && t.is("$") {
			w.undecided(i) // #[path = $p] before whatever item
		}
		pending = attributes{unknown: pasted(tokens, i)}
	}
}

// pasted reports whether what stands before i may be attributes that a macro
// pastes: "# $attribute", or a repetition "$(#[$meta])*".
func pasted(tokens []token, i int) bool {
	last := at(tokens, i-1)
	switch {
	case last.is("*"), last.is("+"), last.is("?"):
		return at(tokens, i-2).is(")")
	case last.kind == ident:
		return at(tokens, i-2).is("$") && at(tokens, i-3).is("#")
	}
	return false
}

// read looks for path = "..." in an attribute, also within cfg_attr.
func (a *attributes) read(tokens []token) {
	for i, t := range tokens {
		a.unknown = a.unknown || t.is("$")
		a.conditional = a.conditional || t.word("cfg") || t.word("cfg_attr")
		if t.kind != ident || t.text != "path" || !at(tokens, i+1).is("=") {
			continue
		}
		if v := at(tokens, i+2); v.kind == str && len(a.paths) < maxCandidates {
			a.paths = append(a.paths, v.text)
		} else {
			a.unknown, a.chosen = true, true
		}
	}
}

const maxCandidates = 64

// module handles "mod" at i and returns the index behind what it handled.
func (w *walker) module(i, hi int, nest []string, attrs attributes) int {
	tokens := w.s.tokens
	name := at(tokens, i+1)
	if name.is("$") {
		// A macro that declares modules: which ones cannot be told.
		w.undecided(i)
		return i + 2
	}
	if name.kind != ident {
		// Handed to a macro without its name; "mod #name" is of quote!.
		switch w.s.nesting[i] {
		case inMacro:
			if !name.is("#") {
				w.undecided(i)
			}
		case inPlain:
			w.r.handed = append(w.r.handed, w.place(i))
		}
		return i + 1
	}
	switch {
	case at(tokens, i+2).is("{"):
		end := min(block(tokens, i+2), hi)
		for j := i + 3; at(tokens, j).is("#") && at(tokens, j+1).is("!") && at(tokens, j+2).is("["); {
			next := block(tokens, j+2)
			attrs.read(tokens[j+2 : next])
			j = next
		}
		var inner []string
		for _, dir := range nest {
			for _, n := range append([]string{name.text}, attrs.paths...) {
				inner = append(inner, path.Join(dir, n))
			}
		}
		if len(inner) > maxCandidates || len(inner[0]) > maxNesting*16 {
			w.undecided(i)
			return end
		}
		around := w.unsure
		w.unsure = w.unsure || attrs.unknown
		w.walk(i+3, end, inner)
		w.unsure = around
		return end
	case at(tokens, i+2).is(";"):
		w.declare(i, name.text, nest, attrs)
	}
	return i + 2
}

// mention handles the name of an include macro that is not called here: handed to
// a macro, which may call it.
func (w *walker) mention(i int) {
	tokens := w.s.tokens
	if !includes[tokens[i].text] || w.s.nesting[i] == 0 {
		return
	}
	if prev, next := at(tokens, i-1), at(tokens, i+1); prev.is(".") || prev.is("$") || prev.is("#") || next.is(".") || next.is("(") || next.is(":") || next.is("=") {
		return // a method, a field, a variable, also one of quote!
	}
	switch {
	case w.s.nesting[i] == inPlain:
		w.r.handed = append(w.r.handed, w.place(i))
	case len(w.r.named) > maxCandidates || w.around(i, func(t token) bool { return t.is("!") }):
		w.undecided(i)
	default:
		w.r.named = append(w.r.named, w.place(i))
	}
}

// around reports whether a token is handed to the macro together with that at i,
// as near as is looked at.
func (w *walker) around(i int, wanted func(token) bool) bool {
	if w.looks++; w.looks > maxSeek {
		return true
	}
	for _, step := range []int{-1, 1} {
		for j := i + step; j >= 0 && j < len(w.s.tokens) && w.s.nesting[j] == inMacro && (j-i)*step < maxSeek; j += step {
			if wanted(w.s.tokens[j]) {
				return true
			}
		}
	}
	return false
}

// calls reports whether a macro calls another that it is given the name of.
func calls(tokens []token) bool {
	for i, t := range tokens {
		if t.is("!") && at(tokens, i-1).kind == ident && at(tokens, i-2).is("$") && !at(tokens, i+1).is("=") {
			return true
		}
	}
	return false
}

var includes = wordSet("include include_str include_bytes")

// declare finds the file of "mod name;". A module file is looked for beside the
// file and beneath its stem, whichever of the two rustc would take: what exists
// there belongs to the crate in any honest package.
func (w *walker) declare(i int, name string, nest []string, attrs attributes) {
	// Beside a loose "path" a macro may make it the attribute of this module.
	if attrs.unknown || w.unsure || w.s.nesting[i] == inMacro && w.around(i, func(t token) bool { return t.word("path") }) {
		w.undecided(i)
	}
	before := len(w.found)
	defer func() {
		if len(w.found) == before && !attrs.conditional && w.r.compiled {
			w.undecided(i) // no compiler would find it either, unless something changes the declaration
		}
	}()
	for _, dir := range nest {
		for _, base := range []string{path.Join(w.dir, dir), path.Join(w.dir, w.stem, dir)} {
			w.take(i, base, name+".rs")
			w.take(i, base, name+"/mod.rs")
			for _, p := range attrs.paths {
				w.take(i, base, p)
			}
		}
	}
}

// aliases refuses other names for include!, under which nobody looks for it.
func (w *walker) aliases() {
	for i, t := range w.s.tokens {
		if t.kind == ident && includes[t.text] && at(w.s.tokens, i+1).word("as") {
			w.undecided(i)
		}
	}
	w.r.replaced = w.r.replaced || replaces(w.s.tokens)
	w.r.calls = w.r.calls || calls(w.s.tokens)
}

// take records a file if it is there.
func (w *walker) take(i int, base, name string) {
	p, inside := within(base, name)
	if !inside {
		w.undecided(i) // a file outside of the package, which nobody vouches for
		return
	}
	if f, ok := w.r.files.find(p); ok {
		w.found = append(w.found, f)
	}
}

func (w *walker) undecided(i int) {
	if len(w.r.undecided) > maxCandidates {
		return
	}
	w.r.undecided = append(w.r.undecided, w.place(i))
}

func (w *walker) place(i int) place {
	line := at(w.s.tokens, i).line
	return place{w.s.path, int(line), w.s.line(line)}
}

// include handles include!, include_str! and include_bytes! at i.
func (w *walker) include(i int) {
	tokens := w.s.tokens
	macro := tokens[i].text
	if !includes[macro] {
		return
	}
	arg := tokens[i+3 : max(block(tokens, i+2)-1, i+3)]
	if at(arg, 0).is("#") && at(arg, 1).kind == ident {
		return // interpolated by quote!
	}
	name, root, ok := includePath(arg)
	if !ok {
		w.undecided(i)
		return
	}
	if name == "" {
		// Generated by the crate's own build script.
		w.r.generated = w.r.generated || macro == "include"
		return
	}
	base := w.dir
	if root {
		base = "."
		name = strings.TrimLeft(name, "/")
	}
	p, inside := within(base, name)
	if !inside {
		w.undecided(i)
		return
	}
	f, found := w.r.files.find(p)
	switch {
	case !found:
	case macro == "include":
		w.found = append(w.found, f)
	default:
		w.r.data[f] = true
	}
}

// includePath evaluates a literal, or a concat! of literals and env!. root: it is
// relative to the package. The empty name means a file in OUT_DIR.
func includePath(arg []token) (name string, root, ok bool) {
	if len(arg) > 0 && arg[len(arg)-1].is(",") {
		arg = arg[:len(arg)-1]
	}
	if len(arg) == 1 && arg[0].kind == str {
		return arg[0].text, false, true
	}
	if len(arg) > 3 && arg[0].kind == ident && arg[1].is("!") && arg[0].text == "env" && arg[3].kind == str {
		return "", false, arg[3].text == "OUT_DIR"
	}
	if len(arg) < 4 || !arg[0].word("concat") || !arg[1].is("!") || !opens(arg[2]) || block(arg, 2) != len(arg) {
		return "", false, false
	}
	for i, part := range split(arg[3 : len(arg)-1]) {
		switch {
		case len(part) == 1 && part[0].kind == str:
			name += part[0].text
		case len(part) >= 5 && part[0].word("env") && part[1].is("!") && part[3].kind == str && i == 0:
			switch part[3].text {
			case "OUT_DIR":
				return "", false, true
			case "CARGO_MANIFEST_DIR":
				root = true
			default:
				return "", false, false
			}
		default:
			return "", false, false
		}
	}
	return name, root, name != ""
}

// markTests notes files that are declared under #[cfg(test)].
func (w *walker) markTests(all []token) {
	for i, t := range all {
		if !t.word("mod") || at(all, i+1).kind != ident || !at(all, i+2).is(";") || !at(all, i-1).is("]") {
			continue
		}
		for j := i - 1; j > 0 && j > i-16; j-- {
			if testAttribute(all, j) {
				for _, base := range []string{w.dir, path.Join(w.dir, w.stem)} {
					for _, n := range []string{all[i+1].text + ".rs", all[i+1].text + "/mod.rs"} {
						if f, ok := w.r.files.find(path.Join(base, n)); ok {
							w.r.tests[f] = true
						}
					}
				}
				break
			}
		}
	}
}
