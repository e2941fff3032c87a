package githubtest

import (
	"bytes"
	"fmt"
	"html/template"
	"regexp"
	"strings"

	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	gmhtml "github.com/yuin/goldmark/renderer/html"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// flavoured is Markdown as GitHub has it in comments: tables, task lists, bare
// links, a line break for each line, and HTML that the sanitiser then judges.
var flavoured = goldmark.New(
	goldmark.WithExtensions(extension.GFM),
	goldmark.WithRendererOptions(gmhtml.WithHardWraps(), gmhtml.WithUnsafe()),
)

var sanitiser = func() *bluemonday.Policy {
	p := bluemonday.UGCPolicy()
	p.AllowAttrs("class").Matching(regexp.MustCompile(`^language-[\w+-]+$`)).OnElements("code")
	p.AllowAttrs("type").Matching(regexp.MustCompile(`^checkbox$`)).OnElements("input")
	p.AllowAttrs("checked", "disabled").OnElements("input")
	p.AllowAttrs("align").Matching(bluemonday.CellAlign).OnElements("th", "td")
	p.AllowAttrs("style").OnElements("th", "td")
	p.AllowStyles("text-align").MatchingEnum("left", "center", "right").OnElements("th", "td")
	return p
}()

// markdown renders somebody's text. Mentions become links, as they would at
// GitHub, so that one which should not be there is seen.
func (r *Repo) markdown(source string) template.HTML {
	var rendered bytes.Buffer
	must(flavoured.Convert([]byte(source), &rendered))
	nodes, err := html.ParseFragment(bytes.NewReader(sanitiser.SanitizeBytes(rendered.Bytes())),
		&html.Node{Type: html.ElementNode, Data: "div", DataAtom: atom.Div})
	must(err)
	var out bytes.Buffer
	for _, n := range nodes {
		root := &html.Node{Type: html.ElementNode, Data: "div", DataAtom: atom.Div}
		root.AppendChild(n)
		r.decorate(root)
		for child := range root.ChildNodes() {
			must(html.Render(&out, child))
		}
	}
	return template.HTML(out.String()) //nolint:gosec // sanitised above, rendered from a tree
}

// reference is a mention of an account or team, or of a pull request.
var reference = regexp.MustCompile(`@([A-Za-z0-9][A-Za-z0-9-]*(?:/[A-Za-z0-9][\w-]*)?)|#(\d+)`)

// decorate links references in n's text and colours diffs.
func (r *Repo) decorate(n *html.Node) {
	var next *html.Node
	for child := n.FirstChild; child != nil; child = next {
		next = child.NextSibling
		switch {
		case child.Type == html.TextNode:
			r.linkReferences(n, child)
		case child.DataAtom == atom.A || child.DataAtom == atom.Pre && !isDiff(child.FirstChild):
		case child.DataAtom == atom.Code:
			if isDiff(child) {
				colourDiff(child)
			}
		default:
			r.decorate(child)
		}
	}
}

func (r *Repo) linkReferences(parent, text *html.Node) {
	s := text.Data
	last := 0
	insert := func(n *html.Node) { parent.InsertBefore(n, text) }
	for _, at := range reference.FindAllStringSubmatchIndex(s, -1) {
		if at[0] > 0 && isWord(s[at[0]-1]) {
			continue // user@host, page#3
		}
		href := ""
		if at[2] >= 0 {
			href = "/" + s[at[2]:at[3]]
		} else {
			href = fmt.Sprintf("/%s/pull/%s", r.FullName(), s[at[4]:at[5]])
		}
		link := &html.Node{Type: html.ElementNode, Data: "a", DataAtom: atom.A, Attr: []html.Attribute{
			{Key: "class", Val: "mention"}, {Key: "href", Val: href},
		}}
		link.AppendChild(&html.Node{Type: html.TextNode, Data: s[at[0]:at[1]]})
		insert(&html.Node{Type: html.TextNode, Data: s[last:at[0]]})
		insert(link)
		last = at[1]
	}
	text.Data = s[last:]
}

// isWord tells what cannot stand before a reference.
func isWord(c byte) bool {
	return c == '_' || c == '/' || c == '`' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

func isDiff(n *html.Node) bool {
	if n == nil {
		return false
	}
	for _, a := range n.Attr {
		if a.Key == "class" && a.Val == "language-diff" {
			return true
		}
	}
	return false
}

// colourDiff wraps each added, removed and header line.
func colourDiff(code *html.Node) {
	var text strings.Builder
	for child := range code.ChildNodes() {
		text.WriteString(child.Data)
	}
	for code.FirstChild != nil {
		code.RemoveChild(code.FirstChild)
	}
	for line := range strings.Lines(text.String()) {
		class := ""
		switch {
		case strings.HasPrefix(line, "@@"):
			class = "hunk"
		case strings.HasPrefix(line, "+"):
			class = "add"
		case strings.HasPrefix(line, "-"):
			class = "del"
		}
		node := &html.Node{Type: html.TextNode, Data: line}
		if class != "" {
			span := &html.Node{Type: html.ElementNode, Data: "span", DataAtom: atom.Span, Attr: []html.Attribute{{Key: "class", Val: class}}}
			span.AppendChild(node)
			node = span
		}
		code.AppendChild(node)
	}
}
