// Package reporttest holds what renderers are tested with: text that packages,
// lockfiles and people could contain to be more than text (promise 7), and a reader
// of Markdown that finds out whether it is.
package reporttest

import (
	"bytes"
	_ "embed"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer/html"
	nethtml "golang.org/x/net/html"

	"github.com/lockkeeper/lockkeeper/docs"
)

//go:embed nasty.txt
var nasty string

// Nasty is the corpus of nasty.txt: names, versions, logins, reasons, paths and
// messages. A new one is a line of that file.
func Nasty(t testing.TB) []string {
	t.Helper()
	var all []string
	for i, line := range strings.Split(nasty, "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		text, times, repeated := strings.Cut(line, " * ")
		s, err := strconv.Unquote(text)
		n := 1
		if err == nil && repeated {
			n, err = strconv.Atoi(times)
		}
		if err != nil {
			t.Fatalf("nasty.txt:%d: %v", i+1, err)
		}
		all = append(all, strings.Repeat(s, n))
	}
	return all
}

// Render is GitHub's Markdown as far as it matters here: GFM with raw HTML. It
// counts the elements and gives the text outside of code, which GitHub goes through
// once more for mentions, references and emoji.
func Render(t testing.TB, markdown string) (tags map[string]int, text string) {
	t.Helper()
	var b bytes.Buffer
	md := goldmark.New(goldmark.WithExtensions(extension.GFM, extension.Footnote), goldmark.WithRendererOptions(html.WithUnsafe()))
	if err := md.Convert([]byte(markdown), &b); err != nil {
		t.Fatal(err)
	}
	tags = map[string]int{}
	var words strings.Builder
	code := 0
	for z := nethtml.NewTokenizer(&b); ; {
		switch z.Next() {
		case nethtml.ErrorToken:
			return tags, words.String()
		case nethtml.StartTagToken, nethtml.SelfClosingTagToken:
			token := z.Token()
			tags[element(token)]++
			if token.Data == "code" || token.Data == "pre" {
				code++
			}
		case nethtml.EndTagToken:
			if d := z.Token().Data; d == "code" || d == "pre" {
				code--
			}
		case nethtml.CommentToken:
			tags["!--"]++
		case nethtml.TextToken:
			if code == 0 { // GitHub links nothing inside of code
				words.WriteString(z.Token().Data)
			} else {
				words.WriteString(" ")
			}
		}
	}
}

// element is the name of an element, and "a rule" for a link to one of our own pages about
// rules.
func element(token nethtml.Token) string {
	if token.Data != "a" || len(token.Attr) != 1 || token.Attr[0].Key != "href" {
		return token.Data
	}
	for _, name := range docs.Names() {
		if token.Attr[0].Val == docs.RuleURL(name) {
			return "a rule"
		}
	}
	return token.Data
}

// CheckMarkdown fails if markdown, made from hostile text, has any element but the
// allowed ones, or text that GitHub would link or turn into an image by itself.
func CheckMarkdown(t testing.TB, markdown string, allowed ...string) {
	t.Helper()
	tags, text := Render(t, markdown)
	for _, ok := range allowed {
		delete(tags, ok)
	}
	if len(tags) > 0 {
		t.Errorf("elements %v in %q", tags, markdown)
	}
	if what := Live(text); what != "" {
		t.Errorf("%s gets through in %q", what, markdown)
	}
}

// Live says what in running text GitHub would make more of, empty if nothing.
func Live(text string) string {
	for i, r := range text {
		rest := strings.TrimPrefix(text[i:], string(r))
		switch {
		case r == '@' && rest != "" && isWord(rest[0]):
			return "a mention"
		case r == '#' && rest != "" && rest[0] >= '0' && rest[0] <= '9':
			return "an issue reference"
		case (r == 'G' || r == 'g') && len(rest) > 2 && (rest[0] == 'H' || rest[0] == 'h') && rest[1] == '-' && rest[2] >= '0' && rest[2] <= '9':
			return "an issue reference"
		case strings.HasPrefix(text[i:], "://"), len(text) > i+4 && strings.EqualFold(text[i:i+4], "www.") && isWord(text[i+4]):
			return "an address"
		case r == ':' && emoji(rest):
			return "an emoji"
		case unicode.IsControl(r) && r != '\n' && r != '\t':
			return "a control character"
		case isHex(r) && (i == 0 || !isWord(text[i-1])) && commit(text[i:]):
			return "a commit"
		}
	}
	return ""
}

// emoji reports whether what follows a colon makes it ":name:".
func emoji(rest string) bool {
	name, _, closed := strings.Cut(rest[:min(len(rest), 64)], ":")
	return closed && name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '+' || r == '-')
	})
}

// commit reports whether text starts with a word that could be a commit's id.
func commit(text string) bool {
	n := 0
	for n < len(text) && isHex(rune(text[n])) {
		n++
	}
	return n >= 7 && n <= 40 && (n == len(text) || !isWord(text[n]))
}

func isHex(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'a' && r <= 'f' || r >= 'A' && r <= 'F'
}

func isWord(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '-' || b == '_'
}
