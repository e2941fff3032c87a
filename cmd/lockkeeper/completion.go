package main

import (
	"embed"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/lockkeeper/lockkeeper/docs"
)

//go:embed completion
var completionScripts embed.FS

type completionCmd struct {
	Shell string `arg:"" help:"bash, zsh or fish." enum:"bash,zsh,fish"`
}

func (completionCmd) Help() string {
	return `Prints what makes the shell complete commands, flags and their values on the tab key.

Examples:
  source <(lockkeeper completion bash)                      in ~/.bashrc
  lockkeeper completion zsh > "${fpath[1]}/_lockkeeper"
  lockkeeper completion fish > ~/.config/fish/completions/lockkeeper.fish`
}

func (c *completionCmd) Run(p *process) error {
	script, err := completionScripts.ReadFile("completion/" + c.Shell)
	if err != nil {
		return err
	}
	_, err = p.stdout.Write(script)
	return err
}

// completeCmd is what the shells' scripts ask: the words of a command line, the
// last one unfinished. It answers with one candidate a line, a tab and what it is; or
// with the line ":file", for the shell to complete a path.
type completeCmd struct {
	Words []string `arg:"" optional:"" passthrough:""`
}

func (c *completeCmd) Run(p *process) error {
	words := c.Words
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	if len(words) == 0 {
		words = []string{""}
	}
	for _, line := range complete(p.model, words) {
		if _, err := io.WriteString(p.stdout, line+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// files asks the shell to complete a path.
const files = ":file"

// complete gives the candidates for the last of words.
func complete(root *kong.Node, words []string) []string {
	node, positional, open := walk(root, words[:len(words)-1])
	last := words[len(words)-1]
	if open != nil {
		return matching(last, "", valuesOf(open))
	}
	if name, value, ok := strings.Cut(last, "="); ok && strings.HasPrefix(name, "--") {
		if flag := flagOf(node, name); flag != nil {
			return matching(value, name+"=", valuesOf(flag.Value))
		}
		return nil
	}
	if strings.HasPrefix(last, "-") {
		var all []string
		for _, group := range node.AllFlags(true) {
			for _, flag := range group {
				all = append(all, "--"+flag.Name+"\t"+firstSentence(flag.Help))
			}
		}
		return matching(last, "", all)
	}
	if len(node.Positional) > 0 {
		at := min(positional, len(node.Positional)-1)
		return matching(last, "", valuesOf(node.Positional[at]))
	}
	var all []string
	for _, child := range node.Children {
		if !child.Hidden {
			all = append(all, child.Name+"\t"+firstSentence(child.Help))
		}
	}
	return matching(last, "", all)
}

// walk follows finished words: the command that they lead to, how many arguments it
// has, and the flag that waits for its value.
func walk(root *kong.Node, words []string) (node *kong.Node, positional int, open *kong.Value) {
	node = root
	for _, word := range words {
		switch {
		case open != nil:
			open = nil
		case strings.HasPrefix(word, "-"):
			if flag := flagOf(node, word); flag != nil && !flag.IsBool() && !strings.Contains(word, "=") {
				open = flag.Value
			}
		default:
			if child := childOf(node, word); child != nil {
				node = child
			} else {
				positional++
			}
		}
	}
	return node, positional, open
}

func childOf(node *kong.Node, name string) *kong.Node {
	for _, child := range node.Children {
		if child.Name == name {
			return child
		}
	}
	return nil
}

// flagOf is the flag that a word names: "--base", "--base=x", "-C".
func flagOf(node *kong.Node, word string) *kong.Flag {
	name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
	for _, group := range node.AllFlags(false) {
		for _, flag := range group {
			if flag.Name == name || flag.Short != 0 && string(flag.Short) == name {
				return flag
			}
		}
	}
	return nil
}

// valuesOf are the words that a flag or an argument takes, or the request for a path.
func valuesOf(v *kong.Value) []string {
	switch {
	case v.Tag.Get("complete") == "rules":
		return docs.Names()
	case v.Enum != "":
		return v.EnumSlice()
	case v.Tag.Type == "path" || v.Tag.Type == "existingfile" || v.Tag.Type == "existingdir":
		return []string{files}
	}
	return nil
}

// matching are the candidates that begin with what is there, sorted as given, each
// behind the prefix.
func matching(begin, prefix string, candidates []string) []string {
	var found []string
	for _, c := range candidates {
		if c == files || strings.HasPrefix(c, begin) {
			if c != files {
				c = prefix + c
			}
			found = append(found, c)
		}
	}
	return found
}

func firstSentence(help string) string {
	first, _, _ := strings.Cut(help, ". ")
	return strings.TrimSuffix(fmt.Sprint(first), ".")
}
