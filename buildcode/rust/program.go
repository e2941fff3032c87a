package rust

import (
	"slices"
	"strings"
)

// newProgram prepares sources for scanning. They must be lexed. writes: what is
// quoted may be written out and run at build time, so that it stays.
func newProgram(sources []*source, deps dependencies, name string, writes bool) *program {
	p := &program{
		sources: sources, deps: deps, items: map[string]bool{}, own: ownPrefix(name),
		exported: imports{names: map[string][][]string{}}, values: map[valueKey]*value{},
	}
	for _, s := range sources {
		s.uses = importsOf(s.tokens)
		for item := range declared(s.tokens) {
			p.items[item] = true
		}
	}
	p.export()
	var everywhere foreign
	for _, s := range sources {
		f := macroUse(s.tokens)
		everywhere = foreign{everywhere.quote || f.quote, everywhere.any || f.any}
	}
	for _, s := range sources {
		globs := unknownGlobs(s.uses, p.external)
		p.replaced = p.replaced || everywhere.any || globs
		s.tokens = relevant(s.tokens,
			func(path []string) bool { return !writes && p.quotes(s, path, everywhere.quote || globs) },
			func(name string) bool {
				return plainMacros[name] && !everywhere.any && !globs && !p.items[name+"!"] && len(s.uses.names[name])+len(p.exported.names[name]) == 0
			})
	}
	p.exported = imports{names: map[string][][]string{}}
	for _, s := range sources {
		s.uses = importsOf(s.tokens)
		s.functions = functionsOf(s.tokens)
		s.owner = owners(s.functions, len(s.tokens))
		s.nesting = nestingOf(s.tokens)
		p.replaced = p.replaced || replaces(s.tokens)
		s.bindings = bindingsOf(s)
	}
	p.export()
	return p
}

// export gathers the imports of all files and forgets what was resolved before.
func (p *program) export() {
	p.resolved = map[resolveKey][][]string{}
	for _, s := range p.sources {
		p.overflow = p.overflow || s.uses.overflow
		for name, paths := range s.uses.names {
			for _, path := range paths {
				p.exported.add(name, path)
			}
		}
		for _, glob := range s.uses.globs {
			if len(glob) > 0 && p.external(glob[0]) && telling(glob[0]) && !slices.ContainsFunc(p.exported.globs, func(g []string) bool { return slices.Equal(g, glob) }) {
				p.exported.globs = append(p.exported.globs, glob)
			}
		}
	}
	p.overflow = p.overflow || p.exported.overflow || len(p.exported.globs) > maxAliases
	p.expand()
}

// quotes reports whether path names one of the known quote macros and nothing else.
func (p *program) quotes(s *source, path []string, foreign bool) bool {
	if p.items[path[len(path)-1]+"!"] {
		return false // the crate has a macro of its own by that name
	}
	if len(path) > 1 {
		return p.known(p.resolve(s, path))
	}
	name := path[0]
	if targets := s.uses.names[name]; len(targets) > 0 {
		return p.known(p.resolve(s, path))
	}
	if foreign {
		return false
	}
	// #[macro_use] extern crate quote, or a prelude of the crate's own.
	if targets := p.exported.names[name]; len(targets) > 0 && !p.known(targets) {
		return false
	}
	return len(p.deps["quote"])+len(p.deps["syn"]) > 0
}

func (p *program) known(paths [][]string) bool {
	for _, full := range paths {
		root := full[0]
		if root == unknown && len(full) > 1 || root == "crate" || root == "super" || root == "self" {
			continue
		}
		if !slices.Contains(quoteCrates, root) {
			return false
		}
	}
	return len(paths) > 0
}

// ownPrefix is how variables of a package begin: OPENSSL for openssl-sys.
func ownPrefix(name string) string {
	s := strings.ToUpper(crateName(name))
	s = strings.TrimSuffix(s, "_SYS")
	if len(s) < 3 {
		return ""
	}
	return s
}
