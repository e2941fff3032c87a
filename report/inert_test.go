package report

import (
	"testing"
	"unicode"

	"github.com/lockkeeper/lockkeeper/report/reporttest"
)

func TestPromise7TextIsInertInMarkdown(t *testing.T) {
	for _, s := range reporttest.Nasty(t) {
		reporttest.CheckMarkdown(t, "x "+markdownText(s), "p")
		reporttest.CheckMarkdown(t, "- "+markdownText(s), "ul", "li")
		reporttest.CheckMarkdown(t, "x "+markdownCode(s, false)+" y", "p", "code")
		reporttest.CheckMarkdown(t, "| a | b |\n|---|---|\n| "+markdownCode(s, true)+" | "+markdownText(s)+" |\n", "table", "thead", "tbody", "tr", "th", "td", "code")
		reporttest.CheckMarkdown(t, "<details><summary>"+markdownText(s)+"</summary>\n\n"+fenced(s, "diff")+"\n</details>\n", "details", "summary", "pre", "code")
	}
}

func TestPromise7TableCellsStayTwo(t *testing.T) {
	for _, s := range reporttest.Nasty(t) {
		tags, _ := reporttest.Render(t, "| a | b |\n|---|---|\n| "+markdownCode(s, true)+" | "+markdownText(s)+" |\n")
		if tags["td"] != 2 {
			t.Errorf("%q makes %d cells", s, tags["td"])
		}
	}
}

func TestPromise7TextIsInertOnTerminals(t *testing.T) {
	for _, s := range reporttest.Nasty(t) {
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
	for _, s := range reporttest.Nasty(f) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		reporttest.CheckMarkdown(t, "x "+markdownText(s), "p")
		reporttest.CheckMarkdown(t, "x "+markdownCode(s, false)+" y", "p", "code")
		reporttest.CheckMarkdown(t, fenced(s, "diff")+"\nend\n", "pre", "code", "p")
	})
}
