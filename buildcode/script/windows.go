package script

import (
	"regexp"
	"strings"

	"github.com/lockkeeper/lockkeeper/buildcode"
)

var (
	batchSet   = regexp.MustCompile(`(?i)^@?\s*set\s+(?:/[ap]\s+)?"?([A-Za-z_][\w]*)=([^"\n]*)"?\s*$`)
	batchNoise = regexp.MustCompile(`(?i)^@?\s*(?:if\s+(?:/i\s+)?(?:not\s+)?(?:exist\s+\S+|defined\s+\S+|errorlevel\s+\d+|"[^"]*"\s*==\s*"[^"]*"|\S+\s*==\s*\S+|\S+\s+(?:equ|neq|lss|leq|gtr|geq)\s+\S+)|else|do|call|start(?:\s+"[^"]*")?(?:\s+/\w+)*|for\s+(?:/\w\s+(?:"[^"]*"\s+)?)?%%?\w\s+in\s*\()\s*`)
	batchSlice = regexp.MustCompile(`%([A-Za-z_]\w*)(?::~(-?\d+)(?:,(-?\d+))?)?(?::[^%=]*=[^%]*)?%|!([A-Za-z_]\w*)!`)
)

// maxJoined bounds the lines that carets make one of.
const maxJoined = 100

// readBatch reads a file of cmd.exe.
func readBatch(f *script, text string) {
	s := newShell(f)
	s.emit = true
	vars := map[string][]string{}
	lines := strings.Split(text, "\n")
	for _, line := range lines {
		if m := batchSet.FindStringSubmatch(strings.TrimRight(line, "\r ")); m != nil && len(m[2]) < 4096 {
			name := strings.ToUpper(m[1])
			vars[name] = add(vars[name], m[2])
		}
	}
	for i, line := range lines {
		n := i + 1
		for joined := 0; joined < maxJoined && strings.HasSuffix(strings.TrimRight(line, "\r"), "^") && i+1 < len(lines); joined++ {
			i++
			line = strings.TrimSuffix(strings.TrimRight(line, "\r"), "^") + lines[i]
			lines[i] = ""
		}
		trimmed := strings.TrimSpace(strings.TrimLeft(strings.TrimSpace(line), "@("))
		lower := strings.ToLower(trimmed)
		if trimmed == "" || strings.HasPrefix(lower, "rem ") || lower == "rem" || trimmed[0] == ':' || strings.HasPrefix(lower, "echo") && !strings.ContainsAny(trimmed, "|&") || batchSet.MatchString(trimmed) {
			continue
		}
		s.current = &command{line: n}
		for _, t := range batchExpand(s, trimmed, vars, 0) {
			s.batchLine(t)
		}
	}
}

// batchExpand replaces variables, and takes carets off, which only hide.
func batchExpand(s *shell, line string, vars map[string][]string, depth int) []string {
	line = strings.ReplaceAll(line, "^", "")
	out := []string{""}
	last := 0
	for _, m := range batchSlice.FindAllStringSubmatchIndex(line, 200) {
		out = s.concat(out, []string{line[last:m[0]]})
		last = m[1]
		name := ""
		if m[2] >= 0 {
			name = line[m[2]:m[3]]
		} else {
			name = line[m[8]:m[9]]
		}
		values := vars[strings.ToUpper(name)]
		var texts []string
		switch {
		case strings.EqualFold(name, "USERPROFILE") || strings.EqualFold(name, "APPDATA") || strings.EqualFold(name, "LOCALAPPDATA") || strings.EqualFold(name, "HOMEPATH"):
			texts = []string{"%" + strings.ToUpper(name) + "%"}
		case len(values) == 0:
			s.reads(name)
			texts = []string{outside}
			if tool := toolVariables[strings.ToUpper(name)]; tool != "" {
				texts = []string{tool}
			}
		case depth > 5:
			texts = []string{content}
		default:
			for _, v := range values {
				for _, t := range batchExpand(s, v, vars, depth+1) {
					if m[4] >= 0 {
						arg := line[m[4]:m[5]]
						if m[6] >= 0 {
							arg += ":" + line[m[6]:m[7]]
						}
						t = slice(t, arg)
					}
					texts = add(texts, t)
				}
			}
		}
		out = s.concat(out, texts)
	}
	return s.concat(out, []string{line[last:]})
}

// batchLine evaluates the commands of one line.
func (s *shell) batchLine(line string) {
	pieces := strings.FieldsFunc(line, func(r rune) bool { return r == '&' || r == '|' || r == '(' || r == ')' })
	for _, p := range pieces {
		for range 6 {
			at := batchNoise.FindStringIndex(p)
			if at == nil {
				break
			}
			p = p[at[1]:]
		}
		words := batchWords(strings.Trim(p, "'`@ "))
		if len(words) == 0 {
			continue
		}
		name := strings.ToLower(programName(words[0]))
		switch {
		case strings.HasPrefix(words[0], ":"), strings.HasPrefix(words[0], "/"), strings.HasPrefix(words[0], "\""), name == "set", name == "":
			if name == "" && strings.ContainsAny(words[0], output+content) {
				s.use(buildcode.RunUnknown)
			}
			continue
		}
		if s.locate(words[0], false) || s.locate(words[0]+".bat", false) || s.locate(words[0]+".cmd", false) {
			continue
		}
		if ordinary[name] || compilers[name] {
			s.ordinaryProgram(name, name, words[1:], nil, 0)
			continue
		}
		switch {
		case name == "wmic" || name == "reg" || name == "schtasks" || name == "regsvr32" || name == "rundll32" || name == "mshta" || name == "cscript" || name == "wscript" || name == "msiexec":
			s.use(buildcode.Run(name))
		case networkTools[name], packageTools[name], shells[name], name == "powershell", name == "pwsh", name == "cmd", interpreters[name] != "":
			s.program(name, words[0], words[1:], nil, 0)
		}
		for _, w := range words[1:] {
			s.place(w, false)
		}
	}
}

// batchWords splits at blanks outside of double quotes.
func batchWords(t string) []string {
	var out []string
	var b strings.Builder
	in, any := false, false
	for i := 0; i < len(t); i++ {
		switch c := t[i]; {
		case c == '"':
			in, any = !in, true
		case (c == ' ' || c == '\t' || c == ';' || c == ',') && !in:
			if any {
				out = append(out, b.String())
				b.Reset()
				any = false
			}
		default:
			b.WriteByte(c)
			any = true
		}
	}
	if any {
		out = append(out, b.String())
	}
	return out
}

var (
	powershellComment = regexp.MustCompile(`(?s:<#.*?#>)|(?m:^\s*#.*$)`)
	powershellJoin    = regexp.MustCompile(`["']\s*\+\s*["']`)
	powershellScript  = regexp.MustCompile(`[\w./\\-]+\.(?:ps1|bat|cmd|py|exe)\b`)
)

// readPowershell looks for telling names, with backquotes and the joints of
// strings taken out, which only hide.
func readPowershell(f *script, text string, first int) {
	text = powershellComment.ReplaceAllStringFunc(text, func(c string) string { return strings.Repeat("\n", strings.Count(c, "\n")) })
	text = strings.ReplaceAll(strings.ReplaceAll(text, "`\n", " \n"), "`", "")
	text = powershellJoin.ReplaceAllString(text, "")
	f.scan(text, first, powershellNames)
	for i, line := range strings.Split(text, "\n") {
		if marksHome(line) {
			f.use(buildcode.Home, first+i)
		}
	}
	s := newShell(f)
	s.emit = true
	s.current = &command{line: first}
	for _, m := range powershellScript.FindAllString(text, 100) {
		s.locate(m, false)
	}
}

var (
	perlComment    = regexp.MustCompile(`(?m:^\s*#.*$)|(?ms)^=(?:pod|head\d|over|item|begin|for|encoding)\b.*?(?:^=cut\b|\z)`)
	perlRuns       = regexp.MustCompile("\\b(?:system|exec|qx|readpipe)\\s*\\(?\\s*(?:\"((?:[^\"\\\\\\n]|\\\\.)*)\"|'([^'\\n]*)'|\\{([^}\\n]*)\\}|/([^/\\n]*)/)?|(?:[=(,.]|return|print)\\s*`([A-Za-z$/](?:[^`\\\\\\n]|\\\\.)*)`|\\bopen\\s*\\(?[^;\\n]*?[\"']\\s*(?:-\\|[\"']\\s*,\\s*[\"'])?([^\"'\\n|]*)\\|\\s*[\"']")
	perlArithmetic = regexp.MustCompile("s/\\\\?`\\(\\[\\^\\\\?`\\]\\*\\)\\\\?`/eval *\\(?\\$1\\)?/[a-z]*|\\$\\{\\\\eval\\(\\$i\\*[0-9]+\\)\\}")
	perlFile       = regexp.MustCompile(`\b(?:do|require)\s*\(?\s*["']([^"'\n]+)["']`)
)

// readPerl looks at what a Perl script starts, and for telling names.
func readPerl(f *script, text string, first int) {
	if at := strings.Index(text, "\n__END__"); at >= 0 {
		text = text[:at]
	}
	text = perlComment.ReplaceAllStringFunc(text, func(c string) string { return strings.Repeat("\n", strings.Count(c, "\n")) })
	// Assemblers in Perl compute what stands in backquotes.
	if strings.Contains(text, "eval") {
		text = perlArithmetic.ReplaceAllString(text, "")
	}
	f.scan(text, first, perlNames)
	s := newShell(f)
	var units []*unit
	line, last := first, 0
	for _, m := range perlRuns.FindAllStringSubmatchIndex(text, 2000) {
		line += strings.Count(text[last:m[0]], "\n")
		last = m[0]
		s.current = &command{line: line}
		for i := 2; i+1 < len(m); i += 2 {
			if m[i] < 0 {
				continue
			}
			// What Perl interpolates is its own.
			t := perlVariable.ReplaceAllString(text[m[i]:m[i+1]], outside)
			u, _ := parseShell(newSource(t, line, true), 0, 0, "", 0)
			u.err = ""
			s.collect(u)
			units = append(units, u)
		}
	}
	s.judge(units)
	s.emit = true
	for _, m := range perlFile.FindAllStringSubmatch(text, 200) {
		s.locate(m[1], false)
	}
}

var perlVariable = regexp.MustCompile(`[$@]\{?\w+\}?(?:->)?(?:\{[^}]*\}|\[[^\]]*\])*`)
