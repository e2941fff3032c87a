package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/config/strict"
	"github.com/lockkeeper/lockkeeper/docs"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/report"
)

type explainCmd struct {
	Word  string `arg:"" optional:"" help:"A rule, or what build code can do. Default: list the rules." placeholder:"RULE" complete:"rules"`
	Color string `help:"auto, always or never." enum:"auto,always,never" default:"auto"`
}

func (explainCmd) Help() string {
	return `What a rule means, why it exists, what to do and how to change it: the same text as on
the rule's page in docs/rules. A word for what build code can do, such as run:curl, works too.

Examples:
  lockkeeper explain build-code-added
  lockkeeper explain run:curl
  lockkeeper explain               every rule in a line`
}

// capabilities is the page about what code is able to do.
const capabilities = "capabilities"

func (c *explainCmd) Run(p *process) error {
	var b bytes.Buffer
	options := outputFlags{Color: c.Color}.textOptions(p)
	if c.Word == "" {
		if err := report.Page(&b, ruleList(), options); err != nil {
			return err
		}
		_, err := p.stdout.Write(b.Bytes())
		return err
	}
	page, ok := docs.Rule(c.Word)
	if !ok && isCapability(c.Word) {
		page, ok = docs.Rule(capabilities)
	}
	if !ok {
		hint := "; lockkeeper explain lists them"
		if meant := strict.Closest(c.Word, docs.Names()); meant != "" {
			hint = fmt.Sprintf(", did you mean %s?", meant)
		}
		return usageError{fmt.Errorf("there is no rule %q%s", printable(c.Word), hint)}
	}
	if err := report.Page(&b, page.Text, options); err != nil {
		return err
	}
	fmt.Fprintf(&b, "\n%s\n", page.URL())
	_, err := p.stdout.Write(b.Bytes())
	return err
}

// isCapability reports whether the page about capabilities has a row for the word.
func isCapability(word string) bool {
	page, _ := docs.Rule(capabilities)
	if strings.HasPrefix(word, "run:") {
		return true
	}
	return slices.ContainsFunc(strings.Split(page.Text, "\n"), func(line string) bool {
		first, _, _ := strings.Cut(strings.TrimPrefix(line, "| "), " | ")
		return strings.HasPrefix(line, "| `") && strings.Contains(first, "`"+word+"`")
	})
}

// ruleList is every rule with the first sentence of its page.
func ruleList() string {
	var b strings.Builder
	b.WriteString("| rule | says |\n")
	for _, rule := range policy.Rules() {
		page, _ := docs.Rule(string(rule))
		fmt.Fprintf(&b, "| %s | %s |\n", rule, page.Summary)
	}
	b.WriteString("\nOne of them: lockkeeper explain RULE. What build code can do: lockkeeper explain capabilities.\n")
	return b.String()
}
