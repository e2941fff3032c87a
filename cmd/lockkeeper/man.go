package main

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

type manCmd struct{}

func (manCmd) Help() string {
	return `Prints the manual page, made of the same texts as --help.

Example: lockkeeper man > ~/.local/share/man/man1/lockkeeper.1`
}

func (manCmd) Run(p *process) error {
	_, err := p.stdout.Write([]byte(manual(p.model)))
	return err
}

// manual is a page in the language of man(7).
func manual(root *kong.Node) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH LOCKKEEPER 1 \"\" \"lockkeeper %s\" \"User Commands\"\n", roff(versionText()))
	fmt.Fprintf(&b, ".SH NAME\nlockkeeper \\- hold lockfile changes that bring in build\\-time code or new publishers\n")
	b.WriteString(".SH SYNOPSIS\n.B lockkeeper\n.I command\n.RI [ flags ]\n.SH DESCRIPTION\n")
	manText(&b, root.Help)
	b.WriteString(".SH COMMANDS\n")
	for _, leaf := range root.Leaves(true) {
		fmt.Fprintf(&b, ".SS %s\n%s\n", roff(strings.TrimSpace("lockkeeper "+synopsis(leaf))), roff(leaf.Help))
		manText(&b, leaf.Detail)
		for _, flag := range leaf.Flags {
			manFlag(&b, flag)
		}
	}
	b.WriteString(".SH FLAGS OF EVERY COMMAND\n")
	for _, flag := range root.Flags {
		manFlag(&b, flag)
	}
	b.WriteString(`.SH ENVIRONMENT
.TP
.B LOCKKEEPER_CONFIG
The configuration file; LOCKKEEPER_SECTION_KEY replaces one of its settings.
.TP
.B GITHUB_TOKEN, GH_TOKEN
With one, packages are compared with their repositories on GitHub.
.TP
.B XDG_CACHE_HOME
Where answers of registries and what was found are kept between runs.
.TP
.B NO_COLOR
No colours.
.SH FILES
.TP
.I .lockkeeper/policy.toml
What asks for a sign\-off, and who may give it.
.TP
.I .lockkeeper/allow.toml
What was accepted.
`)
	return b.String()
}

// synopsis of a command: its words and arguments.
func synopsis(leaf *kong.Node) string {
	text := leaf.Path()
	for _, arg := range leaf.Positional {
		word := strings.ToUpper(arg.Name)
		if !arg.Required {
			word = "[" + word + "]"
		}
		text += " " + word
	}
	return strings.TrimPrefix(text, "lockkeeper ")
}

func manFlag(b *strings.Builder, flag *kong.Flag) {
	if flag.Hidden {
		return
	}
	name := "--" + flag.Name
	if flag.Short != 0 {
		name = "-" + string(flag.Short) + ", " + name
	}
	if !flag.IsBool() && !flag.IsCounter() {
		name += "=" + strings.ToUpper(flag.FormatPlaceHolder())
	}
	fmt.Fprintf(b, ".TP\n.B %s\n%s\n", roff(name), roff(flag.Help))
}

// manText writes paragraphs, and lines that are indented as they are.
func manText(b *strings.Builder, text string) {
	for paragraph := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		if paragraph == "" {
			continue
		}
		b.WriteString(".PP\n")
		literal := false
		for line := range strings.SplitSeq(paragraph, "\n") {
			if indented := strings.HasPrefix(line, " "); indented != literal {
				b.WriteString(map[bool]string{true: ".nf\n", false: ".fi\n"}[indented])
				literal = indented
			}
			b.WriteString(roff(line) + "\n")
		}
		if literal {
			b.WriteString(".fi\n")
		}
	}
}

// roff is text in which troff finds no request or escape.
func roff(text string) string {
	text = strings.ReplaceAll(text, `\`, `\e`)
	text = strings.ReplaceAll(text, "-", `\-`)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text
	}
	return text
}
