package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// visible replaces what a terminal or a reader could be fooled by: control
// characters, escape sequences, bidirectional overrides, invisible characters and
// invalid UTF-8 become visible escapes. Newlines too, unless lines is true; tabs
// are kept with lines.
func visible(s string, lines bool) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case lines && (r == '\n' || r == '\t'):
			b.WriteRune(r)
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r):
			fmt.Fprintf(&b, `\u{%x}`, r)
		default:
			b.WriteRune(r)
		}
		i += size
	}
	return b.String()
}

// maxInline bounds one piece of foreign text inside a sentence or a table cell,
// in runes.
const maxInline = 300

func shorten(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}

// markdownCode is s as a code span, in which Markdown finds no mention, link or
// markup. The fence is longer than any run of backticks inside; pipes are
// escaped for table cells, where alone they end a cell.
func markdownCode(s string, table bool) string {
	s = shorten(visible(s, false), maxInline)
	if strings.TrimSpace(s) == "" {
		return ""
	}
	if table {
		s = strings.ReplaceAll(s, "|", `\|`)
	}
	fence := strings.Repeat("`", longestRun(s, '`')+1)
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") || strings.HasPrefix(s, " ") || strings.HasSuffix(s, " ") {
		s = " " + s + " "
	}
	return fence + s + fence
}

func longestRun(s string, c byte) int {
	longest, run := 0, 0
	for i := 0; i < len(s); i++ {
		if s[i] == c {
			run++
			longest = max(longest, run)
		} else {
			run = 0
		}
	}
	return longest
}

// zeroWidth breaks up what GitHub would link in running text.
const zeroWidth = "&#8203;"

// markdownText is s as running text without any markup: characters that Markdown
// or HTML could read are written as character references, and what GitHub links
// by itself (mentions, issue numbers, addresses) is broken up invisibly.
func markdownText(s string) string {
	s = shorten(visible(s, false), maxInline*2)
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == '@' || r == '#':
			fmt.Fprintf(&b, "&#%d;%s", r, zeroWidth)
		case r == ':' && strings.HasPrefix(s[i:], "://"):
			b.WriteString(":" + zeroWidth)
		case r == '.' && i >= 3 && strings.EqualFold(s[i-3:i], "www"):
			b.WriteString("." + zeroWidth)
		case r == '-' && i >= 2 && strings.EqualFold(s[i-2:i], "gh"):
			b.WriteString("-" + zeroWidth)
		case i == 0 && r < utf8.RuneSelf && !unicode.IsLetter(r): // would start a list, a code block
			fmt.Fprintf(&b, "&#%d;", r)
		case r < utf8.RuneSelf && strings.ContainsRune("\\`*_{}[]<>()!|~&\"$=^", r):
			fmt.Fprintf(&b, "&#%d;", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// fenced is s as a fenced code block of the given language that nothing in s can
// close.
func fenced(s, language string) string {
	s = visible(s, true)
	fence := strings.Repeat("`", max(3, longestRun(s, '`')+1))
	if !strings.HasSuffix(s, "\n") {
		s += "\n"
	}
	return fence + language + "\n" + s + fence + "\n"
}

// Code is foreign text as a Markdown code span, inert.
func Code(s string) string { return markdownCode(s, false) }

// Fenced is foreign text as a Markdown code block, inert.
func Fenced(s string) string { return fenced(s, "") }
