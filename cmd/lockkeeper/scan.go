package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"golang.org/x/term"

	"github.com/lockkeeper/lockkeeper/gitrepo"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/report"
	"github.com/lockkeeper/lockkeeper/report/html"
	"github.com/lockkeeper/lockkeeper/scan"
)

type scanCmd struct {
	Base string `help:"Revision to compare with; the merge base with it is the old side, its own tip gives policy and allowlist. Default: the default branch." placeholder:"REV"`
	Head string `help:"Revision to judge. Default: the work tree as it lies on disk." placeholder:"REV"`
	Repo string `short:"C" help:"Repository, or a directory in it." default:"." placeholder:"DIR" type:"path"`
	outputFlags
	engineFlags
}

// outputFlags say how a result is shown.
type outputFlags struct {
	Format string   `help:"text, markdown, json or html (one file to open in a browser)." enum:"text,markdown,json,html" default:"text"`
	Show   []string `help:"Show more: build-code (the diff of the code that runs), all (changes that ask for nothing)." enum:"build-code,all"`
	Color  string   `help:"auto, always or never." enum:"auto,always,never" default:"auto"`
}

func (scanCmd) Help() string {
	return `Examples:
  lockkeeper scan                          the work tree against the default branch
  lockkeeper scan --base main --head topic
  lockkeeper scan --show build-code        with the code itself
  lockkeeper scan --format html > report.html
  lockkeeper scan --format json | jq .conclusion`
}

func (c *scanCmd) Run(p *process) error {
	r, err := c.judge(p, c.Repo, c.Base, c.Head)
	if err != nil {
		return err
	}
	r.Command = strings.TrimSpace("lockkeeper scan " + nonDefault("--base", c.Base) + nonDefault("--head", c.Head))
	return c.write(p, r)
}

// judge opens a change of a local repository, scans it and decides.
func (f engineFlags) judge(p *process, dir, base, head string) (*report.Report, error) {
	change, err := openChange(p, dir, base, head)
	if err != nil {
		return nil, err
	}
	organisation, err := f.organisation()
	if err != nil {
		return nil, err
	}
	change.rules = change.rules.Under(organisation)
	scanner, err := f.scanner(p)
	if err != nil {
		return nil, err
	}
	return change.judge(p, scanner)
}

func nonDefault(flag, value string) string {
	if value == "" {
		return ""
	}
	return flag + " " + value + " "
}

// change is two sides of a local repository, with the rules of the base.
type change struct {
	base, head         scan.Tree
	baseName, headName string
	rules              scan.Rules
}

func openChange(p *process, dir, base, head string) (*change, error) {
	repo, err := gitrepo.Open(p.ctx, dir)
	if err != nil {
		return nil, err
	}
	if base == "" {
		if base, err = repo.DefaultBranch(p.ctx); err != nil {
			return nil, err
		}
	}
	tip, err := repo.Resolve(p.ctx, base)
	if err != nil {
		return nil, err
	}
	c := &change{headName: "work tree", head: repo.WorkTree()}
	headID := ""
	if head == "" {
		if headID, err = repo.Resolve(p.ctx, "HEAD"); err != nil {
			return nil, err
		}
	} else {
		if headID, err = repo.Resolve(p.ctx, head); err != nil {
			return nil, err
		}
		c.head, c.headName = repo.Commit(headID), headID
	}
	if c.baseName, err = repo.MergeBase(p.ctx, tip, headID); err != nil {
		return nil, err
	}
	c.base = repo.Commit(c.baseName)
	c.rules, err = scan.ReadRules(p.ctx, repo.Commit(tip), c.head)
	return c, err
}

// judge scans and decides. Progress goes to the terminal on standard error.
func (c *change) judge(p *process, scanner *scan.Scanner) (*report.Report, error) {
	progress, done := progressLine(p.stderr)
	result, err := scanner.Run(p.ctx, scan.Input{
		Base: c.base, Head: c.head, BaseName: c.baseName, HeadName: c.headName,
		Policy: c.rules.Policy, Progress: progress,
	})
	done()
	if err != nil {
		return nil, err
	}
	decision := policy.Evaluate(c.rules.Input(result, time.Now()))
	return &report.Report{Scan: result, Decision: decision, Onboarded: c.rules.Onboarded}, nil
}

// progressLine reports on one line of a terminal, and not at all elsewhere.
func progressLine(w io.Writer) (progress func(int, int, string), done func()) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil, func() {}
	}
	return func(n, total int, what string) {
		fmt.Fprintf(w, "\r\x1b[K  %d of %d changes looked at: %.40s", n, total, printable(what))
	}, func() { fmt.Fprint(w, "\r\x1b[K") }
}

// printable drops what a terminal could be steered with.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}

// write shows the report and turns its conclusion into the exit code.
func (o outputFlags) write(p *process, r *report.Report) error {
	var b bytes.Buffer
	var err error
	switch o.Format {
	case "json":
		err = report.JSON(&b, r)
	case "markdown":
		err = report.Markdown(&b, r)
	case "html":
		err = html.Document(&b, r)
	default:
		err = report.Text(&b, r, o.textOptions(p))
	}
	if err != nil {
		return err
	}
	if _, err := p.stdout.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	switch r.Decision.Conclusion {
	case policy.ActionRequired:
		return exitCode(exitSignOff)
	case policy.Failure:
		return exitCode(exitBlocked)
	}
	return nil
}

func (o outputFlags) textOptions(p *process) report.TextOptions {
	var t report.TextOptions
	color := o.Color == "always"
	for _, s := range o.Show {
		t.BuildCode = t.BuildCode || s == "build-code"
		t.All = t.All || s == "all"
	}
	if f, ok := p.stdout.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil {
			t.Width = max(60, min(width, 140))
		}
		color = color || o.Color == "auto" && p.getenv("NO_COLOR") == "" && p.getenv("TERM") != "dumb"
	}
	if color {
		t.Style = func(role report.Role, text string) string { return styles[role].Render(text) }
	}
	return t
}

var styles = map[report.Role]lipgloss.Style{
	report.Strong:  lipgloss.NewStyle().Bold(true),
	report.Faint:   lipgloss.NewStyle().Faint(true),
	report.Bad:     lipgloss.NewStyle().Bold(true).Foreground(lipgloss.Red),
	report.Ask:     lipgloss.NewStyle().Bold(true).Foreground(lipgloss.Yellow),
	report.Good:    lipgloss.NewStyle().Foreground(lipgloss.Green),
	report.Added:   lipgloss.NewStyle().Foreground(lipgloss.Green),
	report.Removed: lipgloss.NewStyle().Foreground(lipgloss.Red),
}
