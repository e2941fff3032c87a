package rust

import (
	"path"
	"slices"
	"strings"
)

// source is one file of build code, lexed.
type source struct {
	path string
	text string
	// tokens without items under #[cfg(test)], which dependencies are never
	// compiled with, and without the bodies of quote!, which is code of the crate
	// that a macro is used in and runs with it, not at build time.
	tokens []token
	uses   imports
	// functions by name, outermost first, and which one a token lies in.
	functions []function
	owner     []int32   // by token: the innermost function, -1 for none
	nesting   []nesting // by token
	bindings  map[string][]binding
	entangled bool // bindings were given up
	lines     []string
}

// function is one fn with a body.
type function struct {
	name       string
	params     []string // by position; "" for what is no plain name
	start, end int      // tokens of the body, braces included
}

// pair finds for every opening bracket the closing one, whatever their shapes, so
// that no nesting makes a search long. What is never closed reaches to the end,
// so that nothing is lost.
func pair(tokens []token) []token {
	var open []int
	for i := range tokens {
		tokens[i].skip = 1
		if tokens[i].kind != punct {
			continue
		}
		switch tokens[i].text {
		case "(", "[", "{":
			open = append(open, i)
			tokens[i].skip = int32(len(tokens) - i)
		case ")", "]", "}":
			if len(open) > 0 {
				last := open[len(open)-1]
				open = open[:len(open)-1]
				tokens[last].skip = int32(i + 1 - last)
			}
		}
	}
	return tokens
}

// block returns the index behind the bracket that closes the one at i, or behind
// i where there is none.
func block(tokens []token, i int) int {
	if i >= len(tokens) {
		return len(tokens)
	}
	return min(i+int(tokens[i].skip), len(tokens))
}

// at is the token at i, or none.
func at(tokens []token, i int) token {
	if i < 0 || i >= len(tokens) {
		return token{kind: punct}
	}
	return tokens[i]
}

// plainMacros are macros whose arguments are plain expressions. Any other macro
// may take tokens apart: it could strip a #[cfg(test)] or a quote! again, so
// nothing is dropped inside of one.
var plainMacros = map[string]bool{
	"vec": true, "format": true, "write": true, "writeln": true, "print": true, "println": true, "eprintln": true,
	"panic": true, "matches": true, "assert": true, "assert_eq": true, "assert_ne": true, "debug_assert": true,
	"unreachable": true, "todo": true, "unimplemented": true, "dbg": true, "bail": true, "ensure": true, "cfg_if": true, "Token": true,
}

// relevant drops what does not run at build time: items under #[cfg(test)] and,
// where quotes says that it is the known macro, the bodies of quote!. plain tells
// whether a macro leaves its arguments as they are. The tokens are moved in place.
func relevant(tokens []token, quotes func(path []string) bool, plain func(name string) bool) []token {
	kept := tokens[:0] // never longer than what was read
	behindAttribute := -1
	for i := 0; i < len(tokens); {
		t := tokens[i]
		end := i + 1
		switch {
		case t.is("#") && at(tokens, i+1).is("!") && at(tokens, i+2).is("["):
			end = block(tokens, i+2)
			behindAttribute = len(kept) + end - i
		case t.is("#") && at(tokens, i+1).is("[") && (len(kept) == behindAttribute || beginsItem(kept)):
			if testAttribute(tokens, i) {
				i = itemEnd(tokens, i)
				continue
			}
			end = block(tokens, i+1)
			behindAttribute = len(kept) + end - i
		case t.word("macro_rules") && at(tokens, i+1).is("!"):
			end = block(tokens, i+3)
		case t.kind == ident && at(tokens, i+1).is("!") && opens(at(tokens, i+2)):
			if slices.Contains(quoteMacros, t.text) && quotes(pathBefore(kept, t.text)) {
				body := block(tokens, i+2)
				kept = append(kept, t, tokens[i+1])
				if strings.HasSuffix(t.text, "_spanned") {
					// What stands before the arrow is an expression that runs.
					kept = append(kept, tokens[i+3:max(spanEnd(tokens, i+2, body-1), i+3)]...)
				}
				i = body
				continue
			}
			if !plain(t.text) {
				end = block(tokens, i+2)
			}
		}
		kept = append(kept, tokens[i:min(end, len(tokens))]...)
		i = end
	}
	return pair(kept)
}

// nesting says what macros a token stands in.
type nesting uint8

const (
	inPlain nesting = 1 // in arguments of macros that leave them as they are
	inMacro nesting = 2 // in arguments or rules of another, which may do anything with them
)

// nestingOf tells for each token what macros it stands in.
func nestingOf(tokens []token) []nesting {
	all := make([]nesting, len(tokens))
	var plain, other struct{ start, end int }
	for i, t := range tokens {
		switch {
		case i >= other.start && i < other.end:
			all[i] = inMacro
		case i >= plain.start && i < plain.end:
			all[i] = inPlain
		}
		if t.kind != ident || !at(tokens, i+1).is("!") {
			continue
		}
		open := i + 2
		if t.text == "macro_rules" && at(tokens, open).kind == ident {
			open++
		}
		around := &other
		if plainMacros[t.text] {
			around = &plain
		}
		if opens(at(tokens, open)) && open >= around.end {
			around.start, around.end = open, block(tokens, open)
		}
	}
	return all
}

// replaces reports whether a macro by the name of a plain one is made here, given
// such a name, or imported from a crate that is not known.
func replaces(tokens []token) bool {
	for name, paths := range importsOf(tokens).names {
		if plainMacros[name] && slices.ContainsFunc(paths, func(p []string) bool { return unknownMacros(p[0]) && len(p) > 1 }) {
			return true
		}
	}
	for i, t := range tokens {
		if t.kind == ident && plainMacros[t.text] &&
			(at(tokens, i-1).word("as") || at(tokens, i-1).is("!") && at(tokens, i-2).word("macro_rules")) {
			return true
		}
	}
	return false
}

// beginsItem reports whether an attribute that follows tokens belongs to an item,
// a statement, a field or an arm. One of a parameter, generic or not, does not
// reach beyond it, so that the body behind must stay.
func beginsItem(tokens []token) bool {
	last := at(tokens, len(tokens)-1)
	return len(tokens) == 0 || last.is(";") || last.is("{") || last.is("}")
}

// spanEnd is the index of the arrow "=>" of a quote_spanned! whose arguments open
// at i and end before end.
func spanEnd(tokens []token, i, end int) int {
	for j := i + 1; j < end; j = max(block(tokens, j), j+1) {
		if tokens[j].is("=") && at(tokens, j+1).is(">") {
			return j
		}
	}
	return end
}

func testAttribute(tokens []token, i int) bool {
	if !at(tokens, i).is("#") || !at(tokens, i+1).is("[") || !at(tokens, i+2).word("cfg") || !at(tokens, i+3).is("(") {
		return false
	}
	i += 4
	if at(tokens, i).word("all") && at(tokens, i+1).is("(") {
		i += 2
		return at(tokens, i).word("test") && (at(tokens, i+1).is(",") || at(tokens, i+1).is(")"))
	}
	return at(tokens, i).word("test") && at(tokens, i+1).is(")")
}

// itemEnd is the index behind the item that the attributes at i belong to.
// Whatever follows an attribute ends at a semicolon, at a comma (a field, an
// arm), or with its first braces, whichever comes first.
func itemEnd(tokens []token, i int) int {
	for at(tokens, i).is("#") && at(tokens, i+1).is("[") {
		i = block(tokens, i+1)
	}
	for i < len(tokens) {
		t := tokens[i]
		switch {
		case t.is("{"):
			return block(tokens, i)
		case t.is("("), t.is("["):
			i = block(tokens, i)
			continue
		case t.is(";"), t.is(","):
			return i + 1
		case t.is("}"), t.is(")"), t.is("]"):
			return i
		}
		i++
	}
	return i
}

// macroCrates export no macro by the name of one of the plain ones, so that
// #[macro_use] and glob imports of them change nothing.
var macroCrates = wordSet("std core alloc lazy_static cfg_if log serde anyhow bitflags proc_macro2 proc_macro")

// foreign says whether macros of crates that are not known may be in scope without
// being named: under the name of quote! or of any other.
type foreign struct{ quote, any bool }

// maxAttributes bounds the tokens and brackets between #[macro_use] and its item.
const maxAttributes = 64

func unknownMacros(name string) bool {
	return !macroCrates[name] && !slices.Contains(quoteCrates, name)
}

// macroUse reads #[macro_use] extern crate, which bears on all files of a program.
// Of two crates with a macro of one name the later one's is meant.
func macroUse(tokens []token) foreign {
	var f foreign
	depth := 0
	for i, t := range tokens {
		switch {
		case opens(t):
			depth++
		case t.is("}"), t.is(")"), t.is("]"):
			depth--
		}
		if !t.word("macro_use") || !at(tokens, i+1).is("]") && !at(tokens, i+1).is("(") {
			continue
		}
		j := i + 1
		for range maxAttributes {
			if next := at(tokens, j); !next.is("(") && !next.is("]") && !next.is("#") && !next.is("[") {
				break
			}
			j = max(block(tokens, j), j+1)
		}
		if at(tokens, j).word("pub") {
			if j++; at(tokens, j).is("(") {
				j = block(tokens, j)
			}
		}
		switch name := at(tokens, j+2).text; {
		case at(tokens, j).is("#"):
			f = foreign{true, true} // more attributes than anybody writes
		case !at(tokens, j).word("extern") || !at(tokens, j+1).word("crate"):
		case unknownMacros(name) || at(tokens, j+3).word("as"):
			f = foreign{true, true}
		case name == "quote" && depth == 1 && at(tokens, i-3).is(";") && at(tokens, i+2).word("extern"):
			f.quote = false // under no condition, at the root: the word stands in its own brackets
		}
	}
	return f
}

// unknownGlobs reports whether a file imports all of a crate that is not known.
func unknownGlobs(uses imports, external func(string) bool) bool {
	return slices.ContainsFunc(uses.globs, func(g []string) bool { return len(g) > 0 && external(g[0]) && unknownMacros(g[0]) })
}

// quoteMacros build token streams; their arguments are generated code.
var quoteMacros = []string{"quote", "quote_spanned", "parse_quote", "parse_quote_spanned"}

// quoteCrates are those whose macros of these names are known to do that.
var quoteCrates = []string{"quote", "syn", "proc_macro", "proc_quote", "devise", "synstructure"}

func opens(t token) bool { return t.is("(") || t.is("[") || t.is("{") }

// pathBefore is the path that ends with name, behind the given tokens.
func pathBefore(tokens []token, name string) []string {
	p := []string{name}
	for i := len(tokens); at(tokens, i-1).is("::") && at(tokens, i-2).kind == ident; i -= 2 {
		p = append([]string{tokens[i-2].text}, p...)
	}
	return p
}

// declared collects the names of items.
func declared(tokens []token) map[string]bool {
	names := map[string]bool{}
	for i, t := range tokens {
		if t.kind != ident || t.raw {
			continue
		}
		switch t.text {
		case "struct", "enum", "trait", "union", "fn", "mod", "const", "static":
			if next := at(tokens, i+1); next.kind == ident {
				names[next.text] = true
			}
		case "macro_rules":
			if at(tokens, i+1).is("!") && at(tokens, i+2).kind == ident {
				names[at(tokens, i+2).text+"!"] = true
			}
		}
	}
	return names
}

// maxParams bounds the tokens of a parameter list.
const maxParams = 2000

// functionsOf finds every fn with a body, nested ones after those around them.
func functionsOf(tokens []token) []function {
	var all []function
	for i, t := range tokens {
		if !t.word("fn") || at(tokens, i+1).kind != ident {
			continue
		}
		f := function{name: at(tokens, i+1).text}
		j := i + 2
		if at(tokens, j).is("<") {
			j = skipGenerics(tokens, j)
		}
		if !at(tokens, j).is("(") {
			continue
		}
		end := block(tokens, j)
		if end-j < maxParams {
			for _, p := range split(tokens[j+1 : max(end-1, j+1)]) {
				f.params = append(f.params, paramName(p))
			}
		}
		for j = end; j < len(tokens) && !tokens[j].is("{") && !tokens[j].is(";"); j++ {
		}
		if at(tokens, j).is("{") {
			f.start, f.end = j, block(tokens, j)
			all = append(all, f)
		}
	}
	return all
}

// paramName is the name of "name: Type" or "mut name: Type".
func paramName(tokens []token) string {
	for i, t := range tokens {
		if t.is(":") && i > 0 && tokens[i-1].kind == ident && i <= 2 {
			return tokens[i-1].text
		}
	}
	return ""
}

// split cuts at the commas that lie in no bracket.
func split(tokens []token) [][]token {
	var parts [][]token
	depth, start := 0, 0
	for i, t := range tokens {
		if t.kind != punct {
			continue
		}
		switch t.text {
		case "(", "[", "{":
			depth++
		case ")", "]", "}":
			depth--
		case ",":
			if depth == 0 {
				parts = append(parts, tokens[start:i])
				start = i + 1
			}
		}
	}
	if start < len(tokens) {
		parts = append(parts, tokens[start:])
	}
	return parts
}

// maxGenerics bounds the search for a closing angle bracket, which less-than
// signs would send to the end of the file each time.
const maxGenerics = 200

// skipGenerics returns the index behind the angle brackets that open at i, or
// i+1 if they do not close.
func skipGenerics(tokens []token, i int) int {
	depth := 0
	for j := i; j < len(tokens) && j < i+maxGenerics; j++ {
		switch t := tokens[j]; {
		case t.is("<"):
			depth++
		case t.is(">") && !at(tokens, j-1).is("-") && !at(tokens, j-1).is("="):
			if depth--; depth == 0 {
				return j + 1
			}
		case t.is(";"), t.is("{"), t.is("}"):
			return i + 1
		}
	}
	return i + 1
}

// owners tells for each of n tokens the innermost function.
func owners(functions []function, n int) []int32 {
	owner := make([]int32, n)
	for i := range owner {
		owner[i] = -1
	}
	// Nested functions come later and overwrite; the depth of nesting is bounded so
	// that a file of nothing but openings costs no more than its length.
	written := 0
	for id, f := range functions {
		if written += f.end - f.start; written > 64*n {
			break
		}
		for i := f.start; i < f.end; i++ {
			owner[i] = int32(id)
		}
	}
	return owner
}

// within resolves a relative path against the directory of a file; false where
// it leaves the package.
func within(dir, name string) (string, bool) {
	if strings.HasPrefix(name, "/") || strings.Contains(name, ":") {
		return "", false
	}
	p := path.Join(dir, slashed(name))
	return p, p != ".." && !strings.HasPrefix(p, "../")
}

// line is the text of a line, for evidence.
func (s *source) line(n int32) string {
	if s.lines == nil {
		s.lines = strings.Split(s.text, "\n")
	}
	if n < 1 || int(n) > len(s.lines) {
		return ""
	}
	return strings.TrimSpace(s.lines[n-1])
}
