package scan

import (
	"bytes"
	"regexp"
	"strings"
)

// eggInfo are the keys that "setup.py sdist" sets in [egg_info] (setuptools:
// setuptools/command/egg_info.py, save_version_info).
var eggInfo = regexp.MustCompile(`^(tag_build|tag_date|tag_svn_revision)\s*=`)

// withoutEggInfo is a setup.cfg without what setuptools adds to it, and without
// layout: its parser writes the file anew, comments left out.
func withoutEggInfo(data []byte) []byte {
	var out bytes.Buffer
	section := ""
	for line := range strings.Lines(string(data)) {
		text := strings.TrimSpace(line)
		switch {
		case text == "" || text[0] == '#' || text[0] == ';':
			continue
		case text[0] == '[':
			section = text
			if section == "[egg_info]" {
				continue
			}
		case section == "[egg_info]" && eggInfo.MatchString(text):
			continue
		}
		// "a=b" and "a = b" are one; a line that goes on stays one that goes on.
		if key, value, found := strings.Cut(text, "="); found {
			text = strings.TrimSpace(key) + " = " + strings.TrimSpace(value)
		}
		if line[0] == ' ' || line[0] == '\t' {
			out.WriteByte(' ')
		}
		out.WriteString(text + "\n")
	}
	return out.Bytes()
}

// What a module of values consists of: names, numbers, strings on one line, and
// brackets around them; imports of typing; conditions on names.
var (
	valueImport = regexp.MustCompile(`^from (typing|__future__) import [A-Za-z_, ]+$`)
	valueHead   = regexp.MustCompile(`^(if TYPE_CHECKING|else):$`)
	valueString = regexp.MustCompile(`^[rRuU]?('[^'\\]*'|"[^"\\]*")`)
	valueWord   = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.]*`)
	called      = regexp.MustCompile(`[A-Za-z0-9_\])]\s*\(`)
)

// actingWords do more than name something.
var actingWords = map[string]bool{
	"import": true, "from": true, "lambda": true, "for": true, "while": true, "del": true, "class": true, "def": true, "with": true, "exec": true, "print": true,
	"await": true, "async": true, "raise": true, "assert": true, "match": true,
}

// onlyValues reports whether Python source can do nothing but give names to
// literal values: no call, no decorator, no attribute of anything, no import but
// of types. setuptools-scm, hatch-vcs and their kin write such files.
func onlyValues(source string) bool {
	source = unixLines(source)
	// Python ends lines at other characters too, strings of three quotes go on over
	// several, and a comment may declare another encoding.
	odd := func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r > '~' }
	if strings.ContainsFunc(source, odd) || strings.Contains(source, `"""`) || strings.Contains(source, "'''") || strings.Contains(source, "coding") {
		return false
	}
	for line := range strings.Lines(source) {
		text := strings.TrimSpace(line)
		if text == "" || text[0] == '#' || valueImport.MatchString(text) || valueHead.MatchString(text) {
			continue
		}
		if !valueLine(text) {
			return false
		}
	}
	return true
}

// valueLine takes a line apart into tokens of values.
func valueLine(text string) bool {
	var bare strings.Builder // the line with every string as 0
	for text != "" {
		if s := valueString.FindString(text); s != "" {
			bare.WriteByte('0')
			text = text[len(s):]
			continue
		}
		if w := valueWord.FindString(text); w != "" {
			text = text[len(w):]
			// An attribute, a keyword, or a prefix that makes code of a string.
			attribute := strings.Contains(w, ".") && strings.Trim(w, "0123456789.") != ""
			if attribute || actingWords[w] || text != "" && (text[0] == '"' || text[0] == '\'') {
				return false
			}
			bare.WriteString(w)
			continue
		}
		if text[0] == '#' {
			break
		}
		if rest, ok := strings.CutPrefix(text, "..."); ok {
			bare.WriteByte('0')
			text = rest
			continue
		}
		if !strings.ContainsRune(" \t=,:|[](){}-", rune(text[0])) {
			return false
		}
		bare.WriteByte(text[0])
		text = text[1:]
	}
	return !called.MatchString(bare.String())
}
