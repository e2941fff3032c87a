package report

import (
	"bytes"
	"strings"
	"testing"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer/html"
	nethtml "golang.org/x/net/html"
)

// nasty is text that packages, lockfiles and people could contain to be more
// than text.
var nasty = []string{
	"@octocat please merge", "fixes #12 and owner/repo#34 GH-56", "![x](https://example.invalid/a.png)",
	"[click](https://example.invalid)", "https://example.invalid/x www.example.invalid a@example.invalid",
	"<img src=x onerror=alert(1)>", "</details><h1>Approved</h1>", "<!-- lockkeeper -->", "``` \n# heading",
	"`code` ``two`` ```three```", "| a | b |\n|---|---|", "**bold** _it_ ~~gone~~ ***", "\x1b[2J\x1b]0;title\x07",
	"a\u202egnp.exe", "zero\u200bwidth\ufeff", "line\r\nbreak\u2028sep", "\xff\xfe", "- [x] done", "1. one", "# h", "> quote",
	"&lt;b&gt; &amp; &#64;octocat", "\\@octocat \\<b\\>", "<https://example.invalid>", "$\\alpha$ :+1:",
	"a | b ` c | d", strings.Repeat("`", 400), strings.Repeat("a", 5000), "   ", "", "\x00", "--- \n+++", "a\\|b",
}

// render is GitHub's Markdown as far as it matters here: GFM with raw HTML.
func render(t testing.TB, markdown string) (tags map[string]int, text string) {
	t.Helper()
	var b bytes.Buffer
	md := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(html.WithUnsafe()))
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
			tags[token.Data]++
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
			}
		}
	}
}

// checkInert fails if markdown, made from hostile text, has any element but the
// allowed ones, or text that GitHub would link by itself.
func checkInert(t testing.TB, markdown string, allowed ...string) {
	t.Helper()
	tags, text := render(t, markdown)
	for _, ok := range allowed {
		delete(tags, ok)
	}
	if len(tags) > 0 {
		t.Errorf("elements %v in %q", tags, markdown)
	}
	for i, r := range text {
		rest := text[i+1:]
		switch {
		case r == '@' && rest != "" && isWord(rest[0]):
			t.Errorf("a mention gets through in %q", markdown)
		case r == '#' && rest != "" && rest[0] >= '0' && rest[0] <= '9':
			t.Errorf("an issue reference gets through in %q", markdown)
		case strings.HasPrefix(text[i:], "://"), strings.HasPrefix(strings.ToLower(text[i:]), "www.") && len(text) > i+4 && isWord(text[i+4]):
			t.Errorf("an address gets through in %q", markdown)
		case unicode.IsControl(r) && r != '\n' && r != '\t':
			t.Errorf("control character %U gets through in %q", r, markdown)
		}
	}
}

func isWord(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '-' || b == '_'
}

func TestPromise7TextIsInertInMarkdown(t *testing.T) {
	for _, s := range nasty {
		checkInert(t, "x "+markdownText(s), "p")
		checkInert(t, "- "+markdownText(s), "ul", "li")
		checkInert(t, "x "+markdownCode(s, false)+" y", "p", "code")
		checkInert(t, "| a | b |\n|---|---|\n| "+markdownCode(s, true)+" | "+markdownText(s)+" |\n", "table", "thead", "tbody", "tr", "th", "td", "code")
		checkInert(t, "<details><summary>"+markdownText(s)+"</summary>\n\n"+fenced(s, "diff")+"\n</details>\n", "details", "summary", "pre", "code")
	}
}

func TestPromise7TableCellsStayTwo(t *testing.T) {
	for _, s := range nasty {
		tags, _ := render(t, "| a | b |\n|---|---|\n| "+markdownCode(s, true)+" | "+markdownText(s)+" |\n")
		if tags["td"] != 2 {
			t.Errorf("%q makes %d cells", s, tags["td"])
		}
	}
}

func TestPromise7TextIsInertOnTerminals(t *testing.T) {
	for _, s := range nasty {
		for _, lines := range []bool{true, false} {
			for _, r := range visible(s, lines) {
				if unicode.IsControl(r) && !(lines && (r == '\n' || r == '\t')) || unicode.Is(unicode.Cf, r) {
					t.Errorf("visible(%q, %t) lets %U through", s, lines, r)
				}
			}
		}
	}
}

func FuzzInert(f *testing.F) {
	for _, s := range nasty {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		checkInert(t, "x "+markdownText(s), "p")
		checkInert(t, "x "+markdownCode(s, false)+" y", "p", "code")
		checkInert(t, fenced(s, "diff")+"\nend\n", "pre", "code", "p")
	})
}
