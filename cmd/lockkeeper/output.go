package main

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"charm.land/lipgloss/v2"
	"golang.org/x/term"

	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/report"
	"github.com/lockkeeper/lockkeeper/report/html"
)

// outputFlags say how a result is shown.
type outputFlags struct {
	Format string   `help:"text, markdown, json, sarif or html (one file); with --all text, html, json or csv." enum:"text,markdown,json,sarif,html,csv" default:"text"`
	Show   []string `help:"Show more: build-code (the code that would run), all (every change)." enum:"build-code,all"`
	Color  string   `help:"auto, always or never." enum:"auto,always,never" default:"auto"`
}

// write shows the report and turns its conclusion into the exit code.
func (o outputFlags) write(p *process, r *report.Report) error {
	var b bytes.Buffer
	var err error
	switch o.Format {
	case "json":
		err = report.JSON(&b, r)
	case "html":
		err = html.Document(&b, r)
	case "sarif":
		err = report.SARIF(&b, r, semantic(versionText()))
	case "markdown":
		err = report.Markdown(&b, r)
	default:
		err = report.Text(&b, r, o.textOptions(p))
	}
	if err != nil {
		return err
	}
	if _, err := p.stdout.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return conclude(r)
}

// conclude is the exit code of a result.
func conclude(r *report.Report) error {
	switch r.Decision.Conclusion {
	case policy.ActionRequired:
		return exitCode(exitSignOff)
	case policy.Failure:
		return exitCode(exitBlocked)
	}
	return nil
}

func (o outputFlags) textOptions(p *process) report.TextOptions {
	t := report.TextOptions{Quiet: p.quiet}
	color := o.Color == "always"
	for _, s := range o.Show {
		t.BuildCode = t.BuildCode || s == "build-code"
		t.All = t.All || s == "all"
	}
	if width, ok := terminalWidth(p.stdout); ok {
		t.Width = max(60, min(width, 140))
		color = color || o.Color == "auto" && p.getenv("NO_COLOR") == "" && p.getenv("TERM") != "dumb"
	}
	if color {
		t.Style = func(role report.Role, text string) string { return styles[role].Render(text) }
	}
	return t
}

// terminalWidth is that of the terminal that w is; not ok where it is none.
func terminalWidth(w io.Writer) (int, bool) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil || width <= 0 {
		width = 80
	}
	return width, true
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
