package rust

import (
	"regexp"
	"slices"

	"github.com/lockkeeper/lockkeeper/buildcode"
)

// linkage are attributes that place code where the loader or the C library finds
// it by itself: it runs without being called.
var linkage = wordSet("link_section export_name no_mangle no_main")

// attribute handles the attribute whose bracket opens at i, with all within it.
func (c *scanner) attribute(s *source, i int) {
	if i < c.attributes {
		return
	}
	c.attributes = block(s.tokens, i)
	for j := i + 1; j < c.attributes; j++ {
		if links(s.tokens, j) || s.tokens[j].kind == ident && linkage[s.tokens[j].text] {
			c.use(s, j, buildcode.LoadCode, "")
		}
	}
}

// links reports whether link(...) stands at i, which as an attribute takes in a
// library, whose constructors run even if nothing of it is called.
func links(tokens []token, i int) bool {
	return tokens[i].word("link") && at(tokens, i+1).is("(") && at(tokens, i+2).kind == ident && at(tokens, i+3).is("=")
}

// pastes reports whether a macro is handed at i what it may paste as an attribute
// of that kind.
func (c *scanner) pastes(s *source, i int) bool {
	if s.nesting[i] != inMacro {
		return false
	}
	prev, next := at(s.tokens, i-1), at(s.tokens, i+1)
	return links(s.tokens, i) || linkage[s.tokens[i].text] &&
		(next.is("=") && at(s.tokens, i+2).kind == str || (prev.is("(") || prev.is("[")) && (next.is(")") || next.is("]")))
}

// callableAt reports whether a type that can be called stands at i: fn(), dyn Fn().
func callableAt(tokens []token, i int) bool {
	switch t := tokens[i]; {
	case t.word("fn"):
		return at(tokens, i+1).is("(")
	case t.word("Fn"), t.word("FnMut"), t.word("FnOnce"):
		return at(tokens, i+1).is("(") && !at(tokens, i-1).is(":") && !at(tokens, i-1).word("impl")
	}
	return false
}

// callables are the names of types of the program that hold something that can be
// called.
func (p *program) callables() map[string]bool {
	names := map[string]bool{}
	for _, s := range p.sources {
		for i, t := range s.tokens {
			name := at(s.tokens, i+1)
			if name.kind != ident || !(t.word("type") || t.word("struct") || t.word("enum") || t.word("union")) {
				continue
			}
			if holdsCallable(s.tokens, i+2) {
				names[name.text] = true
			}
		}
	}
	return names
}

// holdsCallable reports whether the declaration that goes on at i holds something
// that can be called. One too long to look through counts as if it did.
func holdsCallable(tokens []token, i int) bool {
	for j := i; j < len(tokens); j++ {
		switch t := tokens[j]; {
		case j > i+maxSeek, callableAt(tokens, j):
			return true
		case t.is(";"), t.is("}"), t.word("struct"), t.word("enum"), t.word("union"), t.word("type"):
			return false
		}
	}
	return false
}

// reinterprets are names by which bytes become values of any type.
var reinterprets = wordSet("cast from_raw from_raw_parts from_raw_parts_mut MaybeUninit read_unaligned zeroed copy_nonoverlapping")

// memory looks for data that is called: a pointer or a union of something that can
// be called. A build script has no need to name a type of that kind and to
// reinterpret memory as well; in a procedural macro, which may contain a parser of
// any sort, both must meet.
func (c *scanner) memory() {
	names := c.callables()
	calls := slices.ContainsFunc(c.sources, func(s *source) bool {
		for i := range s.tokens {
			if callableAt(s.tokens, i) {
				return true
			}
		}
		return false
	})
	for _, s := range c.sources {
		for i, t := range s.tokens {
			next := at(s.tokens, i+1)
			met, near := false, false
			switch {
			case t.word("union") && next.kind == ident && names[next.text]:
				met = true
			case t.is("*") && (next.word("const") || next.word("mut")):
				near, met = true, names[at(s.tokens, i+2).text]
			case t.kind == ident && reinterprets[t.text] && next.is("::") && at(s.tokens, i+2).is("<"):
				near, met = true, names[at(s.tokens, i+3).text] || at(s.tokens, i+3).kind == ident && callableAt(s.tokens, i+3)
			case t.kind == ident && reinterprets[t.text]:
				near = at(s.tokens, i-1).is(".") || at(s.tokens, i-1).is("::")
			}
			if met || near && calls && !c.macro {
				c.use(s, i, buildcode.LoadCode, "")
			}
		}
	}
}

// ownMemory matches paths, or the beginnings of such, of what Linux shows of a
// process's memory. To write there is to change code that runs.
var ownMemory = regexp.MustCompile(`^/proc(/(self|thread-self|[0-9]+|\{[^}]*\}))?/?$|^/proc/.*/mem$`)
