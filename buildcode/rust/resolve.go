package rust

import (
	"maps"
	"slices"
	"strings"
)

// imports are the names that a file brings into scope. Scopes within a file are
// not told apart: an alias holds everywhere.
type imports struct {
	names map[string][][]string // by the name in scope, the paths it may stand for
	globs [][]string            // "use path::*"
	// overflow: a name has more meanings than are kept, so nothing is sure.
	overflow bool
}

func (m *imports) add(name string, path []string) {
	for _, known := range m.names[name] {
		if slices.Equal(known, path) {
			return
		}
	}
	if len(m.names[name]) >= maxAliases {
		m.overflow = true
		return
	}
	m.names[name] = append(m.names[name], path)
}

// Bounds of resolution. Honest code comes nowhere near them; what exceeds them is
// unanalysed.
const (
	maxAliases  = 64 // meanings of one name
	maxPaths    = 64 // meanings of one path
	maxChain    = 8  // aliases of aliases within a file
	maxRounds   = 64 // of following aliases between files
	maxSegments = 32
	maxPrefix   = 6  // segments kept of a full path: no sink is longer
	maxNesting  = 16 // of a use tree
)

// importsOf reads use declarations, extern crate and type aliases.
func importsOf(tokens []token) imports {
	m := imports{names: map[string][][]string{}}
	for i, t := range tokens {
		switch {
		case t.word("use"):
			m.tree(tokens, i+1, nil, 0)
		case t.word("extern") && at(tokens, i+1).word("crate") && at(tokens, i+2).kind == ident:
			name := at(tokens, i+2).text
			if at(tokens, i+3).word("as") && at(tokens, i+4).kind == ident {
				m.add(at(tokens, i+4).text, []string{name})
			}
		case t.word("type") && at(tokens, i+1).kind == ident:
			j := i + 2
			if at(tokens, j).is("<") {
				j = skipGenerics(tokens, j)
			}
			if at(tokens, j).is("=") {
				if p, _ := pathAt(tokens, j+1); len(p) > 0 {
					m.add(at(tokens, i+1).text, p)
				}
			}
		}
	}
	// Once all aliases are known.
	for i, t := range tokens {
		if t.word("impl") {
			m.self(tokens, i+1)
		}
	}
	return m
}

// telltale are types on which a trait of one's own would give other names to what
// is looked for: "impl Start for Command" with "Self::new" in it.
var telltale = map[string]bool{
	"Command": true, "TcpStream": true, "TcpListener": true, "UdpSocket": true, "UnixStream": true,
	"File": true, "OpenOptions": true,
}

// self reads the type of an impl.
func (m *imports) self(tokens []token, i int) {
	if at(tokens, i).is("<") {
		i = skipGenerics(tokens, i)
	}
	for range 64 {
		p, end := pathAt(tokens, i)
		associated := false
		if at(tokens, i).is("<") {
			// <Type as Trait>::Name
			if end = skipGenerics(tokens, i); at(tokens, end).is("::") {
				p, end = pathAt(tokens, end)
				associated = true
			}
		}
		if len(p) > 0 && (associated || telltale[p[len(p)-1]] || len(m.names[p[len(p)-1]]) > 0) {
			m.add("Self", p)
		}
		if at(tokens, end).is("<") {
			end = skipGenerics(tokens, end)
		}
		if !at(tokens, end).word("for") {
			return
		}
		i = end + 1
	}
}

// tree reads one use tree and returns the index behind it.
func (m *imports) tree(tokens []token, i int, prefix []string, depth int) int {
	if depth > maxNesting {
		m.overflow = true
		return len(tokens)
	}
	path := slices.Clone(prefix)
	for i < len(tokens) && len(path) < maxSegments {
		switch t := tokens[i]; {
		case t.is("::"):
			i++
		case t.is("*"):
			m.globs = append(m.globs, path)
			return i + 1
		case t.is("{"):
			end := block(tokens, i)
			for i++; i < end-1; {
				next := m.tree(tokens, i, path, depth+1)
				if at(tokens, next).is(",") {
					next++
				}
				i = max(next, i+1)
			}
			return end
		case t.is("$") && at(tokens, i+1).kind == ident:
			path = append(path, "$"+at(tokens, i+1).text)
			i += 2
		case t.kind == ident && !t.word("as"):
			path = append(path, t.text)
			i++
			if !at(tokens, i).is("::") {
				return m.leaf(tokens, i, path)
			}
		default:
			return i
		}
	}
	return i
}

// leaf ends a use tree: with a name of its own or the last of its path.
func (m *imports) leaf(tokens []token, i int, path []string) int {
	if len(path) > 1 && path[len(path)-1] == "self" {
		path = path[:len(path)-1]
	}
	name := path[len(path)-1]
	if at(tokens, i).word("as") && at(tokens, i+1).kind == ident {
		name = at(tokens, i+1).text
		i += 2
	}
	m.add(name, path)
	return i
}

// pathAt reads the path that starts at i, past generic arguments, and returns the
// index behind it. Macro variables are segments with a dollar sign; a leading
// "::" is dropped, as is $crate.
func pathAt(tokens []token, i int) ([]string, int) {
	var path []string
	if at(tokens, i).is("::") {
		i++
	}
	for len(path) < maxSegments {
		switch t := at(tokens, i); {
		case t.kind == ident && !t.word("for"):
			path = append(path, t.text)
			i++
		case t.is("$") && at(tokens, i+1).word("crate"):
			path = append(path, "crate")
			i += 2
		case t.is("$") && at(tokens, i+1).kind == ident:
			path = append(path, "$"+at(tokens, i+1).text)
			i += 2
		default:
			return path, i
		}
		end := i
		if at(tokens, end).is("::") && at(tokens, end+1).is("<") {
			if end = skipGenerics(tokens, end+1); end == i+2 {
				return path, i
			}
		}
		if !at(tokens, end).is("::") {
			return path, end
		}
		i = end + 1
	}
	return path, i
}

// program is everything that is compiled into one build script or procedural
// macro.
type program struct {
	sources []*source
	// deps are the crates that it can name, by the name in code.
	deps dependencies
	// exported are the imports of all files together, which a path through modules
	// may reach ("crate::util::Command"); expanded the same, followed to full paths.
	exported imports
	expanded map[string][][]string
	items    map[string]bool
	// replaced: a macro of the program goes by the name of a plain one.
	replaced bool
	// overflow: names have more meanings than are followed.
	overflow bool
	// own is the package's name in capitals, the prefix of its own variables.
	own      string
	steps    int // of evaluation, bounded
	limit    int // of steps, for the expression that is being evaluated
	resolved map[resolveKey][][]string
	values   map[valueKey]*value
}

// unknown is the first segment of a path whose beginning could not be resolved,
// so that its end alone is compared.
const unknown = "?"

type resolveKey struct {
	s    *source
	path string
}

// resolve returns the full paths that path may stand for in s. Since scopes are
// not told apart, every meaning is given that the path has anywhere: a decoy in
// one scope must not hide what the name means in another.
func (p *program) resolve(s *source, path []string) [][]string {
	key := resolveKey{s, strings.Join(path, "::")}
	if found, ok := p.resolved[key]; ok {
		return found
	}
	r := resolution{p: p, s: s}
	r.visit(path, 0)
	p.overflow = p.overflow || r.overflow
	p.resolved[key] = r.found
	return r.found
}

// resolution collects the meanings of one path.
type resolution struct {
	p        *program
	s        *source
	found    [][]string
	overflow bool
}

// add records a full path. A renamed dependency goes by its own name, and of a
// crate that means nothing by itself the name is all that is kept.
func (r *resolution) add(path []string) {
	if len(path) == 0 {
		return
	}
	if path[0] != unknown {
		for _, name := range r.p.deps[path[0]] {
			if name = crateName(name); name != path[0] {
				r.put(shorten(name, append([]string{name}, path[1:]...)))
			}
		}
		if d := r.p.deps[path[0]]; len(d) > 0 && !slices.ContainsFunc(d, func(n string) bool { return crateName(n) == path[0] }) {
			return
		}
	}
	r.put(shorten(path[0], path))
}

func shorten(root string, path []string) []string {
	if !telling(root) {
		return path[:1]
	}
	return path[:min(len(path), maxPrefix)]
}

func (r *resolution) put(path []string) {
	for _, known := range r.found {
		if slices.Equal(known, path) {
			return
		}
	}
	if len(r.found) >= maxPaths {
		r.overflow = true
		return
	}
	r.found = append(r.found, path)
}

// join is a path and what follows it, without sharing.
func join(a, b []string) []string { return append(a[:len(a):len(a)], b...) }

func local(first string) bool { return first == "crate" || first == "self" || first == "super" }

func (r *resolution) visit(path []string, depth int) {
	if depth > maxChain || len(path) == 0 {
		r.overflow = r.overflow || depth > maxChain
		return
	}
	first := path[0]
	switch {
	case local(first):
		r.module(path[1:])
		return
	case strings.HasPrefix(first, "$"):
		r.add(join([]string{unknown}, path[1:]))
		return
	}
	targets := r.s.uses.names[first]
	for _, target := range targets {
		switch {
		case target[0] == first:
			r.add(join(target, path[1:])) // "use cc;": the crate itself
		case local(target[0]):
			r.module(join(target[1:], path[1:]))
		default:
			r.visit(join(target, path[1:]), depth+1)
		}
	}
	for _, glob := range r.s.uses.globs {
		if len(glob) > 0 && glob[0] != first && depth == 0 {
			r.visit(join(glob, path), maxChain-1)
		}
	}
	switch {
	case r.p.external(first):
		r.add(path)
	case r.p.items[first]:
		r.module(path)
	case len(targets) == 0:
		if first != unknown {
			r.add(join([]string{unknown}, path))
		}
		// T::Name: an associated type of anything.
		r.module(path[1:])
	}
}

// module follows a path through the crate's own modules, without regard to which
// module is which: any import of that name, in any file, may be what is meant.
func (r *resolution) module(path []string) {
	for i, name := range path {
		for _, full := range r.p.expanded[name] {
			r.add(join(full, path[i+1:]))
		}
		for _, glob := range r.p.exported.globs {
			r.add(join(glob, path[i:]))
		}
	}
}

// expand follows the imports of all files to full paths, until nothing is new.
func (p *program) expand() {
	p.expanded = map[string][][]string{}
	// In one order, since the bounds let only the first through.
	names := slices.Sorted(maps.Keys(p.exported.names))
	for range maxRounds {
		changed := false
		for _, name := range names {
			r := resolution{p: p, found: p.expanded[name]}
			before := len(r.found)
			for _, target := range p.exported.names[name] {
				r.target(name, target)
			}
			p.overflow = p.overflow || r.overflow
			if len(r.found) > before {
				p.expanded[name] = r.found
				changed = true
			}
		}
		if !changed {
			return
		}
	}
	p.overflow = true
}

// target adds what one import of name stands for.
func (r *resolution) target(name string, target []string) {
	first := target[0]
	switch {
	case first == name || r.p.external(first):
		r.add(target)
	case local(first):
		r.module(target[1:])
	case strings.HasPrefix(first, "$"):
		r.add(join([]string{unknown}, target[1:]))
	default:
		if !r.p.items[first] && len(r.p.exported.names[first]) == 0 {
			r.add(join([]string{unknown}, target))
			return
		}
		r.module(target)
	}
}

// external reports whether name is a crate by itself.
func (p *program) external(name string) bool {
	switch name {
	case "std", "core", "alloc", "proc_macro", "test":
		return true
	}
	return len(p.deps[name]) > 0
}
