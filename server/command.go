package server

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/lockkeeper/lockkeeper/policy"
)

// verb is what a comment command asks for.
type verb string

const (
	signOff  verb = "sign-off"
	reject   verb = "reject"
	withdraw verb = "withdraw"
	rescan   verb = "rescan"
	help     verb = "help" // answered by the one comment, which lists the commands
)

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
	verb    verb // empty: not understood
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
	name := strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(words[0].text))
	words = words[1:]
	if name == "sign" && len(words) > 0 && strings.EqualFold(words[0].text, "off") {
		name, words = "signoff", words[1:]
	}
	switch name {
	case "signoff", "signedoff":
		c.verb = signOff
	case "reject":
		c.verb = reject
	case "withdraw":
		c.verb = withdraw
	case "rescan", "help":
		c.verb = verb(name)
		return c
	default:
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
// digits of a finding's digest. A bare name that stands for packages of two
// ecosystems means none: it must be said which.
func selectFindings(outcomes []policy.Outcome, target string) []policy.Outcome {
	target = strings.Trim(target, "`")
	var chosen []policy.Outcome
	ecosystems := map[string]bool{}
	for _, o := range outcomes {
		f := o.Finding
		name := f.Package.Name
		bare := name != "" && (target == name || target == name+"@"+f.Package.Version)
		exact := target == "all" ||
			name != "" && (target == f.Package.ID() || target == f.Package.ID()+"@"+f.Package.Version || target == f.Package.String()) ||
			name == "" && target == f.Lockfile ||
			len(target) >= 8 && strings.HasPrefix(o.Digest.Hex(), strings.TrimPrefix(target, "sha256:"))
		if bare {
			ecosystems[string(f.Package.Ecosystem)] = true
		}
		if bare || exact {
			chosen = append(chosen, o)
		}
	}
	if len(ecosystems) > 1 {
		return nil
	}
	return chosen
}
