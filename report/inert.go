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
	start, end := 0, 0 // of the commit's id around i
	for i, r := range s {
		if hexDigit(s[i]) && (i == 0 || !wordByte(s[i-1])) {
			start, end = i, i+commitID(s[i:])
		}
		switch {
		case r == '@' || r == '#':
			fmt.Fprintf(&b, "&#%d;%s", r, zeroWidth)
		case r == ':' && (strings.HasPrefix(s[i:], "://") || emoji(s[i+1:])):
			b.WriteString(":" + zeroWidth)
		case i > start && i < end && (i-start)%6 == 0: // seven digits are taken for an id
			b.WriteString(zeroWidth)
			b.WriteRune(r)
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

// emoji reports whether what follows a colon makes it the name of an emoji, which
// GitHub shows as an image.
func emoji(rest string) bool {
	for i := 0; i < len(rest) && i < 64; i++ {
		switch c := rest[i]; {
		case c == ':':
			return i > 0
		case !wordByte(c) && c != '+':
			return false
		}
	}
	return false
}

// commitID is the length of the word that s starts with, if that is one which GitHub
// links where there is such a commit in this repository or in any fork of it; else 0.
func commitID(s string) int {
	n := 0
	for n < len(s) && n <= 40 && hexDigit(s[n]) {
		n++
	}
	if n < 7 || n > 40 || n < len(s) && wordByte(s[n]) {
		return 0
	}
	return n
}

func hexDigit(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func wordByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '-'
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

// Plain is foreign text as it may be written to a terminal, on one line.
func Plain(s string) string { return visible(s, false) }

// Code is foreign text as a Markdown code span, inert.
func Code(s string) string { return markdownCode(s, false) }

// Fenced is foreign text as a Markdown code block, inert.
func Fenced(s string) string { return fenced(s, "") }
