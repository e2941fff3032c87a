package rust

import "slices"

// binding gives a name the value of an expression.
type binding struct {
	owner  int32 // function; -1 for constants
	lo, hi int
	// changed: not bound but altered in place, so that what was bound says nothing.
	changed bool
}

// changing are methods that alter a string or path in place.
var changing = wordSet(`push push_str insert insert_str clear truncate replace_range retain pop remove drain extend append
	set_file_name set_extension make_ascii_lowercase make_ascii_uppercase swap as_mut as_mut_os_string as_mut_vec as_bytes_mut get_mut write_str write_fmt extend_from_slice`)

// bindingsOf finds let, const, static, assignments, for loops and the arms of
// matches.
func bindingsOf(s *source) map[string][]binding {
	all := map[string][]binding{}
	tokens := s.tokens
	work := 0
	bind := func(i, from, to, lo, hi int) {
		work += hi - lo
		for j := from; j < to; j++ {
			// Capitals are variants and constants, which patterns compare with.
			if t := tokens[j]; t.kind == ident && !keywords[t.text] && (t.text[0] < 'A' || t.text[0] > 'Z') && !at(tokens, j+1).is("(") && !at(tokens, j+1).is("::") {
				all[t.text] = append(all[t.text], binding{owner: s.owner[i], lo: lo, hi: hi, changed: !ended(tokens, hi)})
			}
		}
	}
	for i, t := range tokens {
		if work > 32*len(tokens)+maxSeek {
			s.entangled = true
			return all
		}
		if t.kind == ident && changesAt(tokens, i) {
			all[t.text] = append(all[t.text], binding{owner: s.owner[i], lo: i, hi: i, changed: true})
		}
		switch {
		case t.word("let"):
			eq := seek(tokens, i+1, "=", ";")
			work += eq - i
			if at(tokens, eq).is("=") {
				pattern := min(eq, seek(tokens, i+1, ":", "="))
				conditional := at(tokens, i-1).word("if") || at(tokens, i-1).word("while") || at(tokens, i-1).is("&")
				bind(i, i+1, pattern, eq+1, expressionEnd(tokens, eq+1, conditional))
			}
		case (t.word("const") || t.word("static")) && at(tokens, i+1).kind == ident:
			eq := seek(tokens, i+1, "=", ";")
			if at(tokens, eq).is("=") {
				name := i + 1
				if at(tokens, name).word("mut") {
					name++
				}
				lo, hi := eq+1, expressionEnd(tokens, eq+1, false)
				work += hi - i
				all[at(tokens, name).text] = append(all[at(tokens, name).text], binding{owner: -1, lo: lo, hi: hi, changed: !ended(tokens, hi)})
			}
		case t.word("for"):
			if in := seekWord(tokens, i+1, "in"); in > 0 {
				bind(i, i+1, in, in+1, expressionEnd(tokens, in+1, true))
			}
		case t.word("match"):
			lo, hi := i+1, expressionEnd(tokens, i+1, true)
			work += hi - lo
			end := min(block(tokens, hi), hi+4*maxSeek)
			for j := hi + 1; j < end && at(tokens, hi).is("{"); j = max(block(tokens, j), j+1) {
				// Some(name) => ... and name => ...
				next := max(block(tokens, j), j+1)
				if !at(tokens, next).is("=") || !at(tokens, next+1).is(">") {
					continue
				}
				switch {
				case tokens[j].kind == ident:
					bind(i, j, j+1, lo, hi)
				case tokens[j].is("(") && next == j+3:
					bind(i, j+1, j+2, lo, hi)
				}
			}
		case t.kind == ident && at(tokens, i+1).is("=") && !at(tokens, i+2).is("=") && !at(tokens, i+2).is(">") &&
			(at(tokens, i-1).is(";") || at(tokens, i-1).is("{") || at(tokens, i-1).is("}")):
			bind(i, i, i+1, i+2, expressionEnd(tokens, i+2, false))
		}
	}
	return all
}

// changesAt reports whether the variable at i is altered in place there.
func changesAt(tokens []token, i int) bool {
	next := at(tokens, i+1)
	switch {
	case next.is("."):
		return changing[at(tokens, i+2).text] && at(tokens, i+3).is("(")
	case next.is("+"):
		return at(tokens, i+2).is("=")
	case next.is("["):
		end := block(tokens, i+1)
		return at(tokens, end).is("=") && !at(tokens, end+1).is("=")
	}
	return at(tokens, i-1).word("mut") && at(tokens, i-2).is("&")
}

// maxSeek bounds how many tokens a statement may have outside of its brackets.
const maxSeek = 1024

// seek returns the index of the first of the wanted tokens outside of brackets,
// or where it gave up.
func seek(tokens []token, i int, want ...string) int {
	for end := i + maxSeek; i < len(tokens) && i < end; {
		t := tokens[i]
		if t.kind == punct {
			if slices.Contains(want, t.text) {
				return i
			}
			if opens(t) {
				i = block(tokens, i)
				continue
			}
			if t.is(")") || t.is("]") || t.is("}") {
				return i
			}
		}
		i++
	}
	return i
}

// ended reports whether seek found the end of an expression at i, rather than
// giving up there.
func ended(tokens []token, i int) bool {
	t := at(tokens, i)
	return i >= len(tokens) || t.is(";") || t.is("{") || t.is(",") || t.is(")") || t.is("]") || t.is("}")
}

// seekWord finds a keyword within a pattern; 0 if it is not there.
func seekWord(tokens []token, i int, want string) int {
	for j := i; j < len(tokens) && j < i+50; j++ {
		switch {
		case tokens[j].word(want):
			return j
		case tokens[j].is("{"), tokens[j].is(";"):
			return 0
		}
	}
	return 0
}

// expressionEnd is where the expression at i ends: at a semicolon or the closing
// bracket around it; for a condition also at its block.
func expressionEnd(tokens []token, i int, condition bool) int {
	if condition {
		return seek(tokens, i, "{", ";")
	}
	return seek(tokens, i, ";")
}

var keywords = map[string]bool{
	"as": true, "async": true, "await": true, "box": true, "break": true, "const": true, "continue": true, "dyn": true,
	"else": true, "enum": true, "extern": true, "false": true, "fn": true, "for": true, "if": true, "impl": true,
	"in": true, "let": true, "loop": true, "match": true, "mod": true, "move": true, "mut": true, "pub": true,
	"ref": true, "return": true, "static": true, "struct": true, "trait": true, "true": true, "type": true,
	"union": true, "unsafe": true, "use": true, "where": true, "while": true, "yield": true, "_": true,
}
