package script

import (
	"encoding/base64"
	"encoding/hex"
	"path"
	"regexp"
	"slices"
	"strings"
)

// outputs is what the commands of a span may print: their texts where they only
// echo what is known, else a hole by where it comes from.
func (s *shell) outputs(u *unit, at span) []string {
	if s.depth > maxDepth || u == nil {
		return []string{content}
	}
	s.depth++
	defer func() { s.depth-- }()
	// Of a pipeline only the last element is seen.
	skip := map[int]bool{}
	for _, pipeline := range u.pipelines {
		for _, e := range pipeline[:len(pipeline)-1] {
			if e.lo >= at.lo && pipeline[len(pipeline)-1].hi <= at.hi {
				for i := e.lo; i < e.hi && i-e.lo < 100; i++ {
					skip[i] = true
				}
			}
		}
	}
	var out []string
	whole := ""
	printed := 0
	for i := at.lo; i < at.hi; i++ {
		c := &u.commands[i]
		if skip[i] || len(c.words) == 0 {
			continue
		}
		if s.steps++; s.steps > maxSteps || i-at.lo > 300 {
			return add(out, content)
		}
		texts := s.commandOutput(c)
		if len(texts) == 0 || len(texts) == 1 && texts[0] == "" {
			continue
		}
		printed++
		out = add(out, texts...)
		if len(whole)+len(texts[0]) < maxText {
			whole += texts[0]
		}
	}
	// Printed one after the other they are one text.
	if printed > 1 {
		out = add(out, whole)
	}
	return out
}

// input is what a command reads from standard input.
func (s *shell) input(c *command) []string {
	for i := len(c.redirs) - 1; i >= 0; i-- {
		r := c.redirs[i]
		switch {
		case r.body != nil && r.op == "<<<":
			return s.expand(r.target)
		case r.body != nil:
			return s.expand(*r.body)
		case r.op == "<" || r.op == "<>":
			var out []string
			for _, t := range s.expand(r.target) {
				switch {
				case t == "/dev/null":
					out = add(out, "")
				case s.fd(t) != nil:
					out = add(out, s.fd(t)...)
				case len(s.made[madeName(t)]) > 0:
					out = add(out, s.made[madeName(t)]...)
				default:
					out = add(out, content)
				}
			}
			return out
		}
	}
	if !c.stdin.empty() && c.unit != nil {
		return s.outputs(c.unit, c.stdin)
	}
	return nil
}

// fd is what a process substitution prints, whose file t names.
func (s *shell) fd(t string) []string {
	n, found := strings.CutPrefix(t, "/dev/fd/")
	if !found || !number(n) || len(n) > 6 {
		return nil
	}
	i := 0
	for _, c := range n {
		i = i*10 + int(c-'0')
	}
	if i < len(s.kept) {
		return s.kept[i]
	}
	return nil
}

// commandOutput is what one command prints.
func (s *shell) commandOutput(c *command) []string {
	if s.depth > maxDepth {
		return []string{content}
	}
	s.depth++
	was, fn, line := s.current, s.fn, s.line
	s.current, s.fn, s.line = c, c.fn, c.line
	defer func() { s.depth--; s.current, s.fn, s.line = was, fn, line }()
	var out []string
	for _, argv := range s.argvs(c) {
		out = add(out, s.prints(argv, c)...)
	}
	return out
}

// prints is what argv prints.
func (s *shell) prints(argv []string, c *command) []string {
	for len(argv) > 1 && (argv[0] == "command" || argv[0] == "builtin" || argv[0] == "exec" || argv[0] == "env") {
		if argv[0] == "command" && (argv[1] == "-v" || argv[1] == "-V") {
			break
		}
		argv = argv[1:]
	}
	name := programName(argv[0])
	args := argv[1:]
	switch name {
	case "":
		if !strings.ContainsAny(argv[0], content+output) {
			return []string{outside}
		}
		return []string{output}
	case "echo", "print":
		for len(args) > 0 && (args[0] == "-n" || args[0] == "-e" || args[0] == "-ne" || args[0] == "-en" || args[0] == "-E" || args[0] == "-r" || args[0] == "--") {
			args = args[1:]
		}
		t := strings.Join(args, " ")
		plain, coded := unescape(t)
		if coded {
			s.f.decoded(s, t)
		}
		if plain != t {
			return []string{t, plain}
		}
		return []string{t}
	case "printf":
		return []string{s.format(args)}
	case "cd", "test", "[", ":", "true", "false", "rm", "mkdir", "touch", "mv", "cp", "chmod", "exit", "return", "shift", "break", "local", "unset", "read", "sleep", "trap", "exec", "alias":
		return nil
	case "basename", "dirname":
		if len(args) > 0 && !hasHole(args[0]) {
			if name == "dirname" {
				return []string{path.Dir(args[0])}
			}
			return []string{strings.TrimSuffix(path.Base(args[0]), args[len(args)-1])}
		}
		return []string{outside}
	case "which", "type", "whence", "command":
		for _, a := range args {
			if !strings.HasPrefix(a, "-") {
				return []string{a}
			}
		}
		return []string{output}
	case "pwd":
		return []string{"."}
	case "set", "env", "export":
		return []string{outside}
	case "sh", "bash", "dash", "ksh":
		if i := slices.Index(args, "-c"); i >= 0 && i+1 < len(args) {
			return s.prints([]string{"eval", args[i+1]}, c)
		}
		return []string{outside}
	case "eval":
		if t := strings.Join(args, " "); strings.Trim(t, holes+" ") != "" && len(t) < maxText {
			if u := s.parsed[t]; u != nil && !u.active {
				u.active = true
				out := s.outputs(u, span{0, len(u.commands)})
				u.active = false
				return out
			}
			return []string{outside}
		}
		return []string{output}
	}
	if body := s.bodies[name]; s.functions[name] {
		var out []string
		for i, b := range body {
			if i >= 50 || s.steps > maxSteps {
				return add(out, output)
			}
			if len(b.words) > 0 && b != c && b.fn == name {
				s.steps++
				out = add(out, s.commandOutput(b)...)
			}
		}
		if len(out) == 0 {
			return []string{output}
		}
		return out
	}
	return s.filtered(name, args, c)
}

// filtered is what a program prints that reads its input or files.
func (s *shell) filtered(name string, args []string, c *command) []string {
	in := s.input(c)
	files := operands(args)
	switch name {
	case "sed", "gsed", "grep", "egrep", "fgrep", "awk", "gawk", "mawk", "nawk", "jq", "perl", "tr":
		scripted := false
		for _, a := range args {
			scripted = scripted || a == "-e" || a == "-f" || strings.HasPrefix(a, "-e")
		}
		if (!scripted || name == "tr") && len(files) > 0 {
			files = files[1:]
		}
		if name == "tr" {
			files = nil
		}
	case "tee", "xxd", "base64", "base32", "openssl", "rev", "gbase64":
	}
	if name == "cat" || name == "tac" {
		var out []string
		for _, f := range files {
			switch {
			case s.fd(f) != nil:
				out = add(out, s.fd(f)...)
			case len(s.made[madeName(f)]) > 0:
				out = add(out, s.made[madeName(f)]...)
			default:
				out = add(out, content)
			}
		}
		if len(files) == 0 {
			return in
		}
		return out
	}
	if compilers[name] && slices.Contains(args, "-E") {
		for _, f := range files {
			if !hasHole(f) && s.f.p.Has(path.Join(path.Dir(s.f.path), f)) {
				return []string{content}
			}
		}
		return []string{built} // what the script itself wrote, as config.guess does
	}
	if hostTools[name] || strings.HasSuffix(name, "-config") {
		if slices.ContainsFunc(args, func(a string) bool { return strings.ContainsAny(a, content) }) {
			return []string{output}
		}
		return []string{outside}
	}
	if compilers[name] {
		return []string{outside}
	}
	if networkTools[name] || packageTools[name] {
		return []string{content}
	}
	if name == "openssl" || name == "certutil" || name == "gpg" {
		return []string{content}
	}
	if !readers[name] && !decoders[name] && !unpackers[name] {
		if len(c.words) > 0 && joined(c.words[0]) == "" {
			return []string{outside} // the value of a variable, which may be no program
		}
		return []string{output}
	}
	if name == "sed" && s.lineNumbers(c, args) {
		return []string{many}
	}
	if len(files) > 0 && name != "tr" && name != "xxd" && name != "tee" {
		return []string{content}
	}
	var out []string
	for _, t := range in {
		out = add(out, s.transform(name, args, t))
	}
	if len(out) == 0 {
		return []string{output}
	}
	return out
}

// lineNumbers reports whether sed numbers the lines of the script itself, as
// every configure does for shells without LINENO: nothing that is hidden in
// comments or by ranges of lines comes out of that.
func (s *shell) lineNumbers(c *command, args []string) bool {
	program := strings.Join(args, " ")
	if strings.Contains(program, "#") || strings.Contains(program, ",") || strings.Contains(program, "y/") || strings.Contains(program, "w ") {
		return false
	}
	if !strings.Contains(program, "LINENO") {
		return false
	}
	for _, r := range c.redirs {
		if r.op == "<" && len(r.target.parts) == 1 && (r.target.parts[0].text == "as_myself" || r.target.parts[0].text == "0") {
			return true
		}
	}
	for _, t := range s.input(c) {
		if t != many {
			return false
		}
	}
	return !c.stdin.empty()
}

// sedSubstitution is the beginning of a substitution of sed.
var sedSubstitution = regexp.MustCompile(`^s([|/,#@%:;!])`)

// substitute is what sed makes of a text with commands that only substitute;
// false for all others.
func substitute(t string, args []string) (string, bool) {
	var commands []string
	for _, a := range args {
		switch {
		case a == "-e" || a == "-E" || a == "-r":
		case strings.HasPrefix(a, "-"):
			return "", false
		default:
			commands = append(commands, strings.FieldsFunc(a, func(r rune) bool { return r == '\n' })...)
		}
	}
	if len(t) > 4096 || len(commands) > 8 {
		return "", false
	}
	for _, c := range commands {
		c = strings.TrimSpace(c)
		m := sedSubstitution.FindStringSubmatch(c)
		if m == nil {
			return "", false
		}
		fields := strings.Split(strings.ReplaceAll(c[2:], `\`+m[1], "\x06"), m[1])
		if len(fields) != 3 || strings.Trim(fields[2], "g") != "" || hasHole(c) {
			return "", false
		}
		pattern, err := regexp.Compile(basicExpression(strings.ReplaceAll(fields[0], "\x06", m[1])))
		if err != nil {
			return "", false
		}
		to := replacement(strings.ReplaceAll(fields[1], "\x06", m[1]))
		once := fields[2] == ""
		t = pattern.ReplaceAllStringFunc(t, func(found string) string {
			if once && to == "\x06" {
				return found
			}
			made := pattern.ReplaceAllString(found, to)
			if once {
				to = "\x06"
			}
			return made
		})
	}
	return t, true
}

// basicExpression is a POSIX basic regular expression as Go has it.
func basicExpression(e string) string {
	var b strings.Builder
	class := false
	for i := 0; i < len(e); i++ {
		c := e[i]
		switch {
		case class:
			if c == '\\' {
				b.WriteByte('\\')
			}
			b.WriteByte(c)
			class = c != ']' || e[i-1] == '[' || e[i-1] == '^' && i > 1 && e[i-2] == '['
		case c == '[':
			class = true
			b.WriteByte(c)
		case c == '\\' && i+1 < len(e):
			i++
			if strings.IndexByte("(){}", e[i]) >= 0 {
				b.WriteByte(e[i])
			} else {
				b.WriteString(`\` + string(e[i]))
			}
		case strings.IndexByte("(){}+?|", c) >= 0:
			b.WriteString(`\` + string(c))
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// replacement is the right side of a substitution as Go has it.
func replacement(r string) string {
	var b strings.Builder
	for i := 0; i < len(r); i++ {
		switch c := r[i]; {
		case c == '\\' && i+1 < len(r):
			i++
			if r[i] >= '0' && r[i] <= '9' {
				b.WriteString("${" + string(r[i]) + "}")
			} else if r[i] == 'n' {
				b.WriteByte('\n')
			} else {
				b.WriteByte(r[i])
			}
		case c == '&':
			b.WriteString("${0}")
		case c == '$':
			b.WriteString("$$")
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// transform is what a filter makes of a known text; a hole by its origin for what
// is not followed.
func (s *shell) transform(name string, args []string, t string) string {
	if hasHole(t) {
		if decodes(name, args) || unpackers[name] && name != "tr" {
			return content
		}
		if name == "sed" {
			if made, ok := substitute(t, args); ok {
				return made
			}
		}
		if strings.Trim(t, holes+" \n") != "" && worst(t) == content {
			return output // some of it is known, so it is not what a file holds
		}
		return worst(t)
	}
	trimmed := strings.TrimSpace(t)
	switch name {
	case "rev":
		b := []byte(trimmed)
		for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
			b[i], b[j] = b[j], b[i]
		}
		return string(b)
	case "tee", "sort", "uniq", "more", "less":
		return t
	case "base64", "gbase64":
		if !decodes(name, args) {
			return output
		}
		if data, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(t), "")); err == nil {
			text, _ := clean(data)
			return text
		}
		return content
	case "xxd":
		if data, err := hex.DecodeString(strings.Join(strings.Fields(t), "")); err == nil && decodes(name, args) {
			text, _ := clean(data)
			return text
		}
		return content
	case "tr":
		if ops := operands(args); len(ops) > 0 {
			if made, ok := translate(t, args); ok {
				return made
			}
		}
		return content
	case "sed", "gsed":
		if made, ok := substitute(t, args); ok {
			return made
		}
		return output
	}
	if decoders[name] || unpackers[name] {
		return content
	}
	return output
}

// translate is tr(1) for sets of letters and ranges.
func translate(t string, args []string) (string, bool) {
	remove := false
	var sets []string
	for _, a := range args {
		switch {
		case a == "-d":
			remove = true
		case strings.HasPrefix(a, "-") && len(a) > 1:
			return "", false
		default:
			if strings.Contains(a, "[:") || hasHole(a) {
				return "", false
			}
			sets = append(sets, letters(a))
		}
	}
	if remove && len(sets) == 1 {
		return strings.Map(func(r rune) rune {
			if strings.ContainsRune(sets[0], r) {
				return -1
			}
			return r
		}, t), true
	}
	if len(sets) != 2 || sets[1] == "" {
		return "", false
	}
	var table [256]byte
	for i := range table {
		table[i] = byte(i)
	}
	for i := 0; i < len(sets[0]); i++ {
		table[sets[0][i]] = sets[1][min(i, len(sets[1])-1)]
	}
	b := []byte(t)
	for i, c := range b {
		b[i] = table[c]
	}
	return string(b), true
}

// letters expands the ranges of a set of tr(1).
func letters(a string) string {
	a, _ = unescape(a)
	var b strings.Builder
	for i := 0; i < len(a); i++ {
		if i+2 < len(a) && a[i+1] == '-' && a[i] <= a[i+2] {
			for c := int(a[i]); c <= int(a[i+2]); c++ {
				b.WriteByte(byte(c))
			}
			i += 2
			continue
		}
		b.WriteByte(a[i])
	}
	return b.String()
}

// format is what printf prints.
func (s *shell) format(args []string) string {
	for len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) > 1 && args[0] == "-v" {
		return ""
	}
	if len(args) == 0 {
		return ""
	}
	format, coded := unescape(args[0])
	if coded {
		s.f.decoded(s, args[0])
	}
	rest := args[1:]
	var b strings.Builder
	for first := true; first || len(rest) > 0 && strings.Contains(format, "%") && b.Len() < maxText; first = false {
		before := len(rest)
		f := format
		for {
			text, after, found := strings.Cut(f, "%")
			b.WriteString(text)
			if !found {
				break
			}
			after = strings.TrimLeft(after, "-+ #0123456789.")
			if after == "" {
				break
			}
			switch verb := after[0]; {
			case verb == '%':
				b.WriteByte('%')
			case len(rest) > 0:
				t := rest[0]
				if verb == 'b' {
					t, coded = unescape(t)
					if coded {
						s.f.decoded(s, rest[0])
					}
				}
				b.WriteString(t)
				rest = rest[1:]
			}
			f = after[1:]
		}
		if len(rest) == before {
			break
		}
	}
	return b.String()
}
