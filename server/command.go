package server

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/config/strict"
	"github.com/lockkeeper/lockkeeper/policy"
)

// verb is what a comment command asks for.
type verb string

const (
	signOff  verb = "sign-off"
	reject   verb = "reject"
	withdraw verb = "withdraw"
	rescan   verb = "rescan"
	explain  verb = "explain"
	help     verb = "help"
)

// everything is the target that means all findings shown.
const everything = "all"

// verdict of the verbs that give one.
func (v verb) verdict() (policy.Verdict, bool) {
	switch v {
	case signOff:
		return policy.SignOff, true
	case reject:
		return policy.Reject, true
	case withdraw:
		return policy.Withdraw, true
	}
	return "", false
}

// command is one line of a comment that speaks to Lockkeeper.
type command struct {
	verb    verb   // empty: not understood
	name    string // of the verb as written, where it was not understood
	targets []string
	reason  string
	line    string // as written, for the answer
}

// maxReason bounds what is kept of a reason, in bytes.
const maxReason = 2000

// maxCommands bounds how many lines of one comment are read.
const maxCommands = 50

// parseCommands reads the lines of a comment that start with "/lockkeeper".
// Quoted text and code blocks do not count: somebody cites them. Spelling is
// forgiven ("signoff", "Sign-Off"), meaning is not guessed.
func parseCommands(body string) []command {
	var commands []command
	fence := ""
	for _, line := range strings.Split(strings.ReplaceAll(body, "\r\n", "\n"), "\n") {
		trimmed := strings.TrimLeft(line, " ")
		if len(line)-len(trimmed) > 3 {
			continue // an indented code block
		}
		if mark := fenceMark(trimmed); mark != "" {
			switch {
			case fence == "":
				fence = mark
			case strings.HasPrefix(mark, fence):
				fence = ""
			}
			continue
		}
		rest, ok := cutCommand(trimmed)
		if fence != "" || !ok || len(commands) == maxCommands {
			continue
		}
		commands = append(commands, parseCommand(rest, strings.TrimSpace(line)))
	}
	return commands
}

// fenceMark is the run of backticks or tildes that opens or closes a fenced code
// block.
func fenceMark(line string) string {
	for _, c := range []string{"`", "~"} {
		run := line[:len(line)-len(strings.TrimLeft(line, c))]
		if len(run) >= 3 && (c == "~" || !strings.Contains(line[len(run):], "`")) {
			return run
		}
	}
	return ""
}

func cutCommand(line string) (string, bool) {
	const name = "/lockkeeper"
	if len(line) < len(name) || !strings.EqualFold(line[:len(name)], name) {
		return "", false
	}
	rest := line[len(name):]
	if rest != "" && rest[0] != ' ' && rest[0] != '\t' {
		return "", false
	}
	return strings.TrimSpace(rest), true
}

func parseCommand(rest, line string) command {
	c := command{line: line}
	words := splitWords(rest)
	if len(words) == 0 {
		return c
	}
	c.name = words[0].text
	name := strings.ToLower(dashes.Replace(c.name))
	words = words[1:]
	if name == "sign" && len(words) > 0 && strings.EqualFold(words[0].text, "off") {
		name, words = "signoff", words[1:]
	}
	switch name {
	case "signoff", "signedoff":
		c.verb = signOff
	case "reject", "withdraw", "explain":
		c.verb = verb(name)
	case "rescan", "help":
		c.verb = verb(name)
		words = nil
	default:
		return c
	}
	c.name = ""
	if c.verb == explain {
		for _, w := range words {
			c.targets = append(c.targets, w.text)
		}
		return c
	}
	var reason []string
	for i, w := range words {
		// The first word is always a target; further ones are until the reason starts,
		// which is the first quoted word, or whatever follows the target unquoted.
		if i == 0 || (!w.quoted && len(reason) == 0 && hasQuoted(words[i:])) {
			c.targets = append(c.targets, w.text)
			continue
		}
		reason = append(reason, w.text)
	}
	c.reason = clip(strings.TrimSpace(strings.Join(reason, " ")), maxReason)
	return c
}

// dashes are left out of a verb, those that phones make of "-" included.
var dashes = strings.NewReplacer("-", "", "_", "", "\u2010", "", "\u2011", "", "\u2012", "", "\u2013", "", "\u2014", "", "\u2212", "")

// meant says what is wrong with a command that was not understood.
func (c command) meant() string {
	if c.name == "" {
		return "it does not say what to do; /lockkeeper help lists the commands"
	}
	if close := strict.Closest(c.name, []string{string(signOff), string(reject), string(withdraw), string(rescan), string(explain), string(help)}); close != "" {
		return fmt.Sprintf("there is no command %q; did you mean %s?", clip(c.name, 40), close)
	}
	return fmt.Sprintf("there is no command %q; /lockkeeper help lists those that there are", clip(c.name, 40))
}

type word struct {
	text   string
	quoted bool
}

func hasQuoted(words []word) bool {
	for _, w := range words {
		if w.quoted {
			return true
		}
	}
	return false
}

// splitWords splits at blanks; straight or typographic quotes hold a word
// together, and a quote that is never closed reaches to the end.
func splitWords(s string) []word {
	var words []word
	for s = strings.TrimLeftFunc(s, unicode.IsSpace); s != ""; s = strings.TrimLeftFunc(s, unicode.IsSpace) {
		first, size := utf8.DecodeRuneInString(s)
		if strings.ContainsRune("\"“”„", first) {
			body := s[size:]
			end := strings.IndexAny(body, "\"“”")
			if end < 0 {
				return append(words, word{text: body, quoted: true})
			}
			_, closing := utf8.DecodeRuneInString(body[end:])
			words = append(words, word{text: body[:end], quoted: true})
			s = body[end+closing:]
			continue
		}
		end := strings.IndexFunc(s, unicode.IsSpace)
		if end < 0 {
			end = len(s)
		}
		words = append(words, word{text: s[:end]})
		s = s[end:]
	}
	return words
}

// clip cuts s to at most n bytes at a rune boundary.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// selectFindings gives the outcomes that a target means: "all", a package's name,
// name@version, ecosystem/name, package URL, a file's path, or at least eight
// digits of a finding's digest. Names of PyPI may be spelt as PyPI lets them be. A
// bare name that stands for packages of two ecosystems means none: it must be said
// which. What follows a name in a sentence, "ring:" or "`ring`,", is left out if
// nothing is called so.
func selectFindings(outcomes []policy.Outcome, target string) []policy.Outcome {
	for _, t := range []string{target, strings.Trim(target, "`'\",;:()")} {
		if len(ecosystemsOf(outcomes, t)) > 1 {
			return nil
		}
		var chosen []policy.Outcome
		for _, o := range outcomes {
			if named(o, t) {
				chosen = append(chosen, o)
			}
		}
		if len(chosen) > 0 {
			return chosen
		}
	}
	return nil
}

func named(o policy.Outcome, target string) bool {
	f := o.Finding
	if f.Package.Name == "" {
		return target == everything || target == f.Lockfile || digestOf(o, target)
	}
	return target == everything || bare(f.Package, target) || digestOf(o, target) || target == f.Package.String() ||
		same(f.Package, target, f.Package.ID()) || same(f.Package, target, f.Package.ID()+"@"+f.Package.Version)
}

// bare reports whether target is the package's name without its ecosystem.
func bare(p lockkeeper.Package, target string) bool {
	return p.Name != "" && (same(p, target, p.Name) || same(p, target, p.Name+"@"+p.Version))
}

var pypiRun = regexp.MustCompile(`[-_.]+`)

// same compares names as their ecosystem does: PyPI's in their canonical form (PEP
// 503), all others exactly.
func same(p lockkeeper.Package, target, name string) bool {
	if target == name {
		return true
	}
	if p.Ecosystem != lockkeeper.PyPI {
		return false
	}
	targetName, targetVersion, _ := strings.Cut(target, "@")
	own, version, _ := strings.Cut(name, "@")
	return version == targetVersion && own == strings.ToLower(pypiRun.ReplaceAllString(targetName, "-"))
}

func digestOf(o policy.Outcome, target string) bool {
	digits := strings.TrimPrefix(target, "sha256:")
	return len(digits) >= 8 && strings.HasPrefix(o.Digest.Hex(), digits)
}

// ecosystemsOf are the packages, with their ecosystems, that a bare name could mean.
func ecosystemsOf(outcomes []policy.Outcome, target string) []string {
	var ids []string
	for _, o := range outcomes {
		if bare(o.Finding.Package, target) {
			ids = append(ids, o.Finding.Package.ID())
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
