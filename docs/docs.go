// Package docs holds the pages about rules, so that the command, the formats that
// carry help texts and the website say the same: each rule has a page
// rules/NAME.md. It holds the JSON Schemas as well, schema/NAME.schema.json. Other
// documents are for reading alone.
package docs

import (
	"embed"
	"io/fs"
	"strings"
)

//go:embed rules/*.md schema/*.json
var files embed.FS

// Site is where these documents are read on the web.
const Site = "https://github.com/lockkeeper/lockkeeper/blob/main/docs/"

// Page is one page of docs/rules.
type Page struct {
	Name string // "build-code-added"
	// Summary is its first paragraph, one sentence.
	Summary string
	// Text is the whole page in Markdown.
	Text string
}

// URL is the page's address on the web.
func (p Page) URL() string { return RuleURL(p.Name) }

// RuleURL is the address on the web of the page about the rule of that name.
func RuleURL(name string) string { return Site + "rules/" + name + ".md" }

// CapabilitiesURL is where the words for what build code can do are explained.
const CapabilitiesURL = Site + "rules/capabilities.md"

// Rule is the page about the rule of that name; not ok where there is none.
func Rule(name string) (page Page, ok bool) {
	if !fs.ValidPath("rules/" + name + ".md") {
		return Page{}, false
	}
	data, err := files.ReadFile("rules/" + name + ".md")
	if err != nil {
		return Page{}, false
	}
	text := string(data)
	_, rest, _ := strings.Cut(text, "\n\n")
	summary, _, _ := strings.Cut(rest, "\n\n")
	return Page{Name: name, Summary: strings.ReplaceAll(strings.TrimSpace(summary), "\n", " "), Text: text}, true
}

// Names of all pages, sorted.
func Names() []string {
	entries, err := files.ReadDir("rules")
	if err != nil {
		return nil // embedded, so that it is there
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".md"))
	}
	return names
}

// Schema is the JSON Schema of that name: "policy", "allow", "result" or
// "policy-test"; nil where there is none.
func Schema(name string) []byte {
	data, err := files.ReadFile("schema/" + name + ".schema.json")
	if err != nil {
		return nil
	}
	return data
}
