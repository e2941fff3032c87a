package script

import (
	"path"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/lockkeeper/lockkeeper/buildcode"
)

// shell evaluates the commands of one file, and of the texts that it executes.
type shell struct {
	f         *script
	vars      map[string]*binding
	params    map[string]*binding
	functions map[string]bool
	bodies    map[string][]*command // of functions
	calls     map[string][]*command // of functions; of "" what set hands to the script
	shifts    map[string]bool       // functions that renumber their arguments
	aliases   map[string]*binding
	made      map[string][]string // what the script writes into files, by the last round
	making    map[string][]string // and by this one
	compiled  map[string]bool     // what compilers were told to make
	parsed    map[string]*unit    // texts that are executed
	kept      [][]string          // of process substitutions
	grown     bool
	emit      bool
	fn        string // whose arguments are meant
	line      int    // where, for the arguments of the script itself
	depth     int
	built     int
	nested    int // bytes of parsed
	steps     int
	round     int // of judge, by which what was found is told from what is out of date
	over      bool
	coded     bool            // letters were spelt as numbers
	fetched   map[string]bool // files that come from elsewhere
	ifs       string          // beside white space
	current   *command
}

func newShell(f *script) *shell {
	return &shell{
		f: f, vars: map[string]*binding{}, functions: map[string]bool{}, bodies: map[string][]*command{}, calls: map[string][]*command{}, shifts: map[string]bool{},
		aliases: map[string]*binding{}, made: map[string][]string{}, making: map[string][]string{}, compiled: map[string]bool{}, fetched: map[string]bool{}, parsed: map[string]*unit{},
	}
}

// tooMuch says once that the file could not be followed to its end.
func (s *shell) tooMuch() {
	if !s.over {
		s.over = true
		s.f.record(buildcode.Unanalysed, 0, "too entangled to be followed")
	}
}

// maxSteps bounds the commands that are evaluated, all passes together.
const maxSteps = 1_000_000

// maxRounds is how often a file is evaluated, since what it executes may assign
// what decides what it executes.
const maxRounds = 4

// read evaluates a whole text.
func (s *shell) read(text string, line int, fixed bool) {
	u := s.parse(newSource(text, line, fixed))
	s.judge([]*unit{u})
}

func (s *shell) parse(src *source) *unit {
	u, _ := parseShell(src, 0, 0, "", 0)
	s.collect(u)
	return u
}

// judge evaluates units until they assign and write nothing new, then once more
// to report.
func (s *shell) judge(units []*unit) {
	for round := 0; !s.emit; round++ {
		s.emit = round > 0 && (!s.grown || round == maxRounds)
		s.grown = false
		s.forget()
		s.made, s.making = s.making, map[string][]string{}
		for _, u := range units {
			s.unit(u, 0)
		}
		if len(s.made) != len(s.making) {
			s.grown = true
		}
	}
}

// forget drops what names were resolved to.
func (s *shell) forget() {
	s.built = 0
	for _, b := range s.vars {
		b.known = nil
	}
	s.round++
	s.params = map[string]*binding{}
	s.kept = nil
	s.ifs = ""
	if b := s.vars["IFS"]; b != nil {
		for _, t := range s.resolve("IFS") {
			for _, c := range t {
				if c > ' ' && c < 0x7f && !strings.ContainsRune(s.ifs, c) && c != '/' {
					s.ifs += string(c)
				}
			}
		}
	}
}

func (s *shell) bind(name string, words []word, split bool, fn string) {
	if name == "" || hasHole(name) {
		return
	}
	b := s.vars[name]
	if b == nil {
		b = &binding{}
		s.vars[name] = b
	}
	s.grown = true
	for _, w := range words {
		i := len(b.words)
		if i > 0 && b.words[i-1].line > s.line {
			i = sort.Search(i, func(i int) bool { return b.words[i].line > s.line })
		}
		b.words = slices.Insert(b.words, i, boundWord{word: w, split: split, fn: fn, line: s.line})
	}
}

func text(t string) word { return word{parts: []part{{text: t, quoted: true}}} }

// collect notes what the commands of a unit and its substitutions assign.
func (s *shell) collect(u *unit) {
	if u.collected {
		return
	}
	u.collected = true
	if u.err != "" && !s.f.loose {
		s.f.record(buildcode.Unanalysed, u.errLine, u.err)
	}
	for name := range u.functions {
		s.functions[name] = true
		s.f.defined[name] = true
	}
	for i := range u.commands {
		c := &u.commands[i]
		s.line = c.line
		if c.fn != "" {
			s.bodies[c.fn] = append(s.bodies[c.fn], c)
		}
		for _, a := range c.assigns {
			s.bind(a.name, a.words, a.split, c.fn)
			for _, w := range a.words {
				s.collectWord(w, c.fn)
			}
		}
		for _, w := range c.words {
			s.collectWord(w, c.fn)
		}
		for _, r := range c.redirs {
			s.collectWord(r.target, c.fn)
			if r.body != nil {
				s.collectWord(*r.body, c.fn)
			}
		}
		s.collectCommand(c)
	}
}

func (s *shell) collectWord(w word, fn string) {
	for _, p := range w.parts {
		if p.sub != nil {
			s.collect(p.sub)
		}
		if p.arg != nil {
			s.collectWord(*p.arg, fn)
			if p.op == ":=" || p.op == "=" {
				s.bind(p.text, []word{*p.arg}, false, fn)
			}
		}
	}
}

// collectCommand notes what a command does to names.
func (s *shell) collectCommand(c *command) {
	words := c.words
	for len(words) > 0 && (words[0].plain() == "command" || words[0].plain() == "builtin") {
		words = words[1:]
	}
	if len(words) == 0 {
		return
	}
	name := joined(words[0])
	args := words[1:]
	switch name {
	case "export", "local", "declare", "typeset", "readonly", "setenv":
		for i, w := range args {
			if name, value, ok := assignment(w); ok {
				s.bind(name, []word{value}, false, c.fn)
			} else if joined(words[0]) == "setenv" && i == 1 {
				s.bind(joined(args[0]), []word{w}, false, c.fn)
			}
		}
	case "read", "mapfile", "readarray", "getline":
		from := []word{text(content)}
		for _, r := range c.redirs {
			if r.op == "<<<" && r.body != nil {
				from = []word{*r.body}
			}
		}
		for _, w := range args {
			if n := w.plain(); n != "" && n[0] != '-' {
				s.bind(n, from, len(args) > 1, c.fn)
			}
		}
	case "printf":
		if len(args) > 2 && joined(args[0]) == "-v" {
			rest := args[2:]
			format := word{}
			for i, w := range rest {
				if i == 0 {
					continue
				}
				format.parts = append(format.parts, w.parts...)
			}
			// The format with its arguments in turn, roughly: what they say.
			s.bind(joined(args[1]), []word{printfWord(rest), format}, false, c.fn)
		}
	case "set":
		i := 0
		for i < len(args) && strings.HasPrefix(joined(args[i]), "-") && joined(args[i]) != "--" {
			i++
		}
		if i < len(args) && joined(args[i]) == "--" {
			i++
		}
		if i < len(args) {
			s.calls[c.fn] = append(s.calls[c.fn], &command{line: c.line, fn: c.fn, words: append([]word{text("set")}, args[i:]...), unit: c.unit})
			s.grown = true
		}
	case "shift":
		s.shifts[c.fn] = true
	case "alias":
		for _, w := range args {
			if name, value, ok := assignment(w); ok {
				s.aliases[name] = &binding{words: []boundWord{{word: value}}}
				s.grown = true
			}
		}
	default:
		if name != "" && len(args) > 0 {
			s.calls[name] = append(s.calls[name], &command{line: c.line, fn: c.fn, words: words, unit: c.unit})
		}
	}
}

// joined is the text of a word without expansions; empty for any other.
func joined(w word) string {
	if len(w.parts) == 1 && w.parts[0].kind == literal {
		return w.parts[0].text
	}
	var b strings.Builder
	for _, p := range w.parts {
		if p.kind != literal {
			return ""
		}
		b.WriteString(p.text)
	}
	return b.String()
}

// printfWord makes one word of a format and its arguments, where the format has
// only %s.
func printfWord(args []word) word {
	out := word{}
	format, _ := unescape(joined(args[0]))
	rest := args[1:]
	for {
		before, after, found := strings.Cut(format, "%")
		out.parts = append(out.parts, part{text: before, quoted: true})
		if !found {
			return out
		}
		if len(rest) > 0 && after != "" && after[0] != '%' {
			out.parts = append(out.parts, rest[0].parts...)
			rest = rest[1:]
		}
		if after == "" {
			return out
		}
		format = after[1:]
	}
}

// reads handles a variable that nobody assigns: it is the environment's.
func (s *shell) reads(name string) {
	if s.emit && s.current != nil && secretVariable.MatchString(name) && !strings.HasPrefix(name, "ac_") && !strings.HasPrefix(name, "lt_") {
		s.f.use(buildcode.ReadEnv, s.current.line)
	}
}

// secretVariable matches names of variables that hold what must not leave a host.
var secretVariable = regexp.MustCompile(`(?:^|_)(?:TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?|API_?KEY|PRIVATE_KEY|ACCESS_KEY|SECRET_KEY)(?:$|_)|^AWS_|^SSH_AUTH_SOCK$|^GH_|^GITHUB_TOKEN`)

// unit evaluates every command of a unit.
func (s *shell) unit(u *unit, depth int) {
	for i := range u.commands {
		if s.steps++; s.steps > maxSteps {
			s.tooMuch()
			return
		}
		if i%256 == 0 && s.f.ctx.Err() != nil {
			return
		}
		s.command(&u.commands[i], depth)
	}
}

// command evaluates a simple command with what is substituted in it.
func (s *shell) command(c *command, depth int) {
	was, fn, line := s.current, s.fn, s.line
	s.current, s.fn, s.line = c, c.fn, c.line
	defer func() { s.current, s.fn, s.line = was, fn, line }()
	for _, a := range c.assigns {
		for _, w := range a.words {
			s.substitutions(w, depth)
			if executing[a.name] && slices.ContainsFunc(s.expand(w), func(t string) bool { return t != "" && t != "/dev/null" && t != outside }) {
				s.use(buildcode.LoadCode)
			}
		}
	}
	for _, w := range c.words {
		s.substitutions(w, depth)
	}
	for _, r := range c.redirs {
		s.substitutions(r.target, depth)
		if r.body != nil && r.op != "<<<" {
			s.substitutions(*r.body, depth)
		}
		s.redirect(c, r)
	}
	if len(c.words) == 0 {
		return
	}
	if harmless[c.words[0].plain()] {
		return
	}
	for _, argv := range s.argvs(c) {
		s.run(argv, c, depth)
	}
}

// executing are variables by which programs run something else.
var executing = set(`LD_PRELOAD LD_AUDIT DYLD_INSERT_LIBRARIES BASH_ENV PROMPT_COMMAND PERL5OPT PERL5DB PYTHONSTARTUP GIT_SSH_COMMAND GIT_SSH GIT_EXTERNAL_DIFF GIT_PAGER NODE_OPTIONS RUBYOPT`)

// harmless commands need no look at their arguments.
var harmless = set(`: [ test true false printf echo case expr return exit break continue shift cd`)

// substitutions evaluates the commands within a word.
func (s *shell) substitutions(w word, depth int) {
	if depth > maxNesting {
		return
	}
	for _, p := range w.parts {
		if p.sub != nil {
			s.unit(p.sub, depth+1)
		}
		if p.arg != nil {
			s.substitutions(*p.arg, depth+1)
		}
	}
}

func (s *shell) use(c buildcode.Capability) {
	if s.emit && s.current != nil {
		s.f.use(c, s.current.line)
	}
}

// redirect looks at where a redirection leads.
func (s *shell) redirect(c *command, r redirect) {
	if r.op == "<<" || r.op == "<<-" || r.op == "<<<" {
		return
	}
	plain := joined(r.target)
	if plain == "/dev/null" || number(plain) || strings.HasSuffix(r.op, "&") {
		return
	}
	targets := s.expand(r.target)
	for _, target := range targets {
		s.place(target, strings.Contains(r.op, ">") && len(targets) == 1)
		if strings.Contains(r.op, ">") && len(target) < 300 {
			s.write(c, target)
		}
	}
}

var (
	// netDevice is what bash makes connections of.
	netDevice = regexp.MustCompile(`/dev/(?:tcp|udp)/`)
	// homeMarks are places in the home directory.
	homeMarks = regexp.MustCompile(`^~(?:$|[/\\])|(?:^|[/\\])\.(?:ssh|aws|azure|kube|gnupg|netrc|pypirc|npmrc|git-credentials|docker|bashrc|bash_profile|bash_history|profile|zshrc|zprofile|zsh_history|electrum|bitcoin|ethereum|mozilla|password-store|cargo[/\\]credentials|config[/\\](?:gcloud|gh|autostart|systemd))(?:$|[/\\.])|\bid_(?:rsa|ed25519|ecdsa|dsa)\b|\bLogin Data\b|\bwallet\.dat\b|%(?:APPDATA|USERPROFILE|LOCALAPPDATA)%|LaunchAgents`)
	// harmlessPlaces may be written anywhere.
	harmlessPlaces = regexp.MustCompile(`^/(?:dev/(?:null|tty|stdout|stderr|fd/.*|full|zero)|tmp/.*|var/tmp/.*)$`)
)

// mayMarkHome says quickly that homeMarks cannot match.
func mayMarkHome(p string) bool {
	if len(p) < 2 || len(p) > 4096 {
		return p == "~"
	}
	return p[0] == '~' || p[0] == '.' || strings.Contains(p, "/.") || strings.Contains(p, `\.`) || strings.Contains(p, "id_") || strings.Contains(p, "Login") || strings.Contains(p, "wallet") || strings.Contains(p, "%") || strings.Contains(p, "LaunchA")
}

// marksHome reports whether a text of any length has one of homeMarks.
func marksHome(text string) bool {
	return (len(text) > 4096 || mayMarkHome(text)) && homeMarks.MatchString(text)
}

// place looks at a path that is read or written.
func (s *shell) place(p string, writes bool) {
	if !s.emit { // it says something and changes nothing
		return
	}
	if strings.Contains(p, "/dev/") && netDevice.MatchString(p) {
		s.use(buildcode.Network)
	}
	if mayMarkHome(p) && homeMarks.MatchString(p) {
		s.use(buildcode.Home)
	}
	if writes && strings.HasPrefix(p, "/") && len(p) > 1 && !harmlessPlaces.MatchString(p) {
		s.use(buildcode.WriteFiles)
	}
}

// write notes what a command writes into a file.
func (s *shell) write(c *command, target string) {
	name := madeName(target)
	if name == "/" && len(c.words) > 0 {
		// Whatever file that is.
		if argv := s.argvs(c); len(argv) > 0 {
			if program := programName(argv[0][0]); networkTools[program] || decodes(program, argv[0][1:]) {
				s.fetched["/"] = true
			}
		}
	}
	if name == "" || dataFile(name) || len(s.making) > 500 {
		return
	}
	for _, t := range s.written(c) {
		if t == "" {
			continue
		}
		// What is appended piece by piece is one text.
		have := s.making[name]
		if len(have) == 0 {
			s.making[name] = []string{t}
		} else if len(have[0])+len(t) < 1<<20 && !s.over {
			if s.nested += len(t); s.nested > maxParses {
				s.tooMuch()
			}
			have[0] += "\n" + t
		}
	}
}

// written is what a command writes into a file.
func (s *shell) written(c *command) []string {
	for _, r := range c.redirs {
		if r.body != nil && r.op != "<<<" && len(c.words) == 1 && c.words[0].plain() == "cat" {
			return []string{s.symbolic(*r.body)}
		}
	}
	return s.commandOutput(c)
}

// symbolic is a text in which variables stay what they are: a script that another
// writes is read with the same names.
func (s *shell) symbolic(w word) string {
	var b strings.Builder
	for _, p := range w.parts {
		switch p.kind {
		case literal:
			b.WriteString(p.text)
		case variable:
			if p.op == "" {
				b.WriteString("${" + p.text + "}")
			} else {
				b.WriteString(outside)
			}
		default:
			b.WriteString(s.part(p)[0])
		}
	}
	return b.String()
}

// madeName is the name by which a made file is found again.
func madeName(target string) string {
	target = strings.TrimPrefix(target, "./")
	if i := strings.LastIndexAny(target, holes); i >= 0 {
		target = target[i+1:]
	}
	return path.Base("/" + strings.TrimSpace(target))
}

// dataFile reports whether a file of that name is no script.
func dataFile(name string) bool {
	switch path.Ext(name) {
	case ".c", ".h", ".cc", ".cpp", ".cxx", ".C", ".m", ".mm", ".f", ".f90", ".f77", ".F", ".o", ".log", ".out", ".txt", ".html", ".java", ".pc", ".err", ".er1", ".1", ".S", ".s", ".asm", ".y", ".l", ".rs", ".go", ".def", ".sym", ".exp", ".map", ".json", ".xml":
		return true
	}
	switch name {
	case "/", ".", "", "null", "tty", "conftest.", "confdefs.h", "1", "2", "5", "6", "config.log", "stdout", "stderr":
		return true
	}
	return strings.HasPrefix(name, "conftest")
}

// argvs is every vector of words that a command may run.
func (s *shell) argvs(c *command) [][]string {
	if len(c.words) == 0 {
		return nil
	}
	if c.round != s.round || s.round == 0 {
		c.argvs = s.vectors(c)
		c.round = s.round
	}
	return c.argvs
}

func (s *shell) vectors(c *command) [][]string {
	out := [][]string{nil}
	for i, w := range c.words {
		texts := s.expand(w)
		var choices [][]string
		for _, t := range texts {
			switch {
			case i == 0 && w.splits():
				choices = append(choices, s.split(t)...)
			case w.splits():
				choices = append(choices, strings.Fields(t))
			default:
				choices = append(choices, []string{t})
			}
		}
		if i == 0 {
			choices = patterns(w, choices)
		}
		out = combine(out, choices)
	}
	named := slices.ContainsFunc(s.expand(c.words[0]), func(t string) bool { return strings.TrimSpace(t) != "" })
	kept := out[:0]
	for _, argv := range out {
		leading := len(argv)
		for len(argv) > 0 && argv[0] == "" {
			argv = argv[1:]
		}
		// "$RANLIB lib.a" with nothing for RANLIB runs nothing that is worth telling,
		// unless what comes next is.
		if nothing := leading > len(argv) || len(c.words) > 1 && len(argv) < len(c.words) && len(argv) > 0 && c.words[0].splits() && s.blank(c.words[0], argv); nothing && named && !telling(argv) {
			continue
		}
		if len(argv) > 0 {
			kept = append(kept, argv)
		}
	}
	return kept
}

// blank reports whether argv begins with what the second word may be.
func (s *shell) blank(first word, argv []string) bool {
	for _, t := range s.expand(first) {
		if f := strings.Fields(t); len(f) > 0 && f[0] == argv[0] {
			return false
		}
	}
	return true
}

// telling reports whether a program is out of the ordinary by its name.
func telling(argv []string) bool {
	if len(argv) == 0 {
		return false
	}
	name := programName(argv[0])
	return networkTools[name] || packageTools[name] || shells[name] || wrappers[name] || interpreters[name] != "" || decoders[name] || name == "eval"
}

// maxVectors bounds the vectors of one command.
const maxVectors = 16

// combine appends each choice to each vector; when these become too many, each
// choice to one of them, so that each is seen.
func combine(vectors, choices [][]string) [][]string {
	if len(choices) == 1 {
		for i := range vectors {
			vectors[i] = append(vectors[i], choices[0]...)
		}
		return vectors
	}
	var out [][]string
	if len(vectors)*len(choices) <= maxVectors {
		for _, v := range vectors {
			for _, choice := range choices {
				out = append(out, append(v[:len(v):len(v)], choice...))
			}
		}
		return out
	}
	for i := range max(len(vectors), len(choices)) {
		v := vectors[i%len(vectors)]
		out = append(out, append(v[:len(v):len(v)], choices[i%len(choices)]...))
	}
	return out
}

// split splits a text into fields, and in another way if IFS is something else.
func (s *shell) split(t string) [][]string {
	out := [][]string{strings.Fields(t)}
	if s.ifs != "" && strings.ContainsAny(t, s.ifs) {
		out = append(out, strings.FieldsFunc(t, func(r rune) bool { return strings.ContainsRune(s.ifs, r) || r == ' ' || r == '\n' || r == '\t' }))
	}
	return out
}

// patterns expands braces, and a pattern that stands for a program.
func patterns(w word, choices [][]string) [][]string {
	unquoted := false
	for _, p := range w.parts {
		unquoted = unquoted || p.kind == literal && !p.quoted && strings.ContainsAny(p.text, "{*?[")
	}
	if !unquoted {
		return choices
	}
	var out [][]string
	for _, choice := range choices {
		if len(choice) == 0 {
			continue
		}
		first := choice[0]
		switch {
		case strings.HasPrefix(first, "{") && strings.HasSuffix(first, "}") && strings.Contains(first, ","):
			out = append(out, append(strings.Split(first[1:len(first)-1], ","), choice[1:]...))
		case strings.ContainsAny(first, "*?[") && first != "[":
			base := first[strings.LastIndexByte(first, '/')+1:]
			for _, tools := range []map[string]bool{networkTools, shells, {"python": true, "perl": true, "base64": true, "eval": true}} {
				for name := range tools {
					if ok, _ := path.Match(base, name); ok && strings.Trim(base, "*") != "" {
						out = append(out, append([]string{name}, choice[1:]...))
					}
				}
			}
			out = append(out, append([]string{outside + "?"}, choice[1:]...))
		default:
			out = append(out, choice)
		}
	}
	return out
}

// keep stores texts that a file name stands for.
func (s *shell) keep(texts []string) string {
	s.kept = append(s.kept, texts)
	return strconv.Itoa(len(s.kept) - 1)
}

// maxTimes is how often one text is evaluated in a round: what it is able to do
// does not change, only where that is told and with which arguments.
const maxTimes = 50

// execute evaluates a text that a shell reads. What is not known of it is a hole.
func (s *shell) execute(t string, depth int) {
	if strings.TrimSpace(t) == "" {
		return
	}
	if strings.Trim(t, holes+" \t\n\"';") == "" {
		s.unknownText(worst(t))
		return
	}
	if s.built += len(t); s.built > maxBuilt+8*len(s.f.text) {
		s.tooMuch()
		return
	}
	u := s.parsed[t]
	if u == nil {
		if s.nested += len(t); s.nested > maxParses || depth > maxNesting || len(s.parsed) > 20_000 {
			s.tooMuch()
			return
		}
		u, _ = parseShell(newSource(t, s.current.line, true), 0, depth, s.current.fn, 0)
		u.err = ""
		u.executed = true
		s.parsed[t] = u
		s.collect(u)
		s.grown = true
	}
	if u.round != s.round {
		u.round, u.times = s.round, 0
	}
	if u.times++; u.active || u.times > maxTimes {
		return
	}
	u.active = true
	s.unit(u, depth+1)
	u.active = false
}

// unknownText handles a text that is executed and not known. What the environment
// holds is the user's own.
func (s *shell) unknownText(hole string) {
	switch hole {
	case content:
	case output:
		// Of what was computed from known text and kept in a variable autoconf
		// executes much.
		if !s.f.all && !s.substitutes() {
			return
		}
	default:
		if s.f.all {
			s.use(buildcode.RunUnknown)
		}
		return
	}
	s.use(buildcode.LoadCode)
}

// substitutes reports whether the current command is handed the output of another
// at once.
func (s *shell) substitutes() bool {
	return !s.current.unit.isExecuted() && slices.ContainsFunc(s.current.words, func(w word) bool {
		return slices.ContainsFunc(w.parts, func(p part) bool { return p.kind == substitution })
	})
}
