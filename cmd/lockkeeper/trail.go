package main

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper/store"
)

type auditCmd struct {
	Export auditExportCmd `cmd:"" help:"Write the audit trail as JSON lines or CSV."`
}

type auditExportCmd struct {
	Format     string `help:"jsonl or csv." enum:"jsonl,csv" default:"jsonl"`
	Since      string `help:"Only what happened from this day or moment on: 2026-05-22, or RFC 3339." placeholder:"TIME"`
	Repository string `help:"Only of this repository, OWNER/NAME." placeholder:"OWNER/NAME"`
	Config     string `help:"Configuration file of the server; environment variables LOCKKEEPER_* go before it." placeholder:"FILE" type:"path"`
}

func (auditExportCmd) Help() string {
	return `Every sign-off, rejection, withdrawal and approval, and every change of policy and allowlist on
a base branch: who, when and from where, in the order in which it was recorded. The fields are
explained in docs/operating.md and stay as they are; new ones may come at the end.

Examples:
  lockkeeper audit export --config /etc/lockkeeper.toml > audit.jsonl
  lockkeeper audit export --format csv --since 2026-01-01 --repository a/b`
}

func (c *auditExportCmd) Run(p *process) error {
	since, err := moment(c.Since)
	if err != nil {
		return usageError{err}
	}
	// Opening would make one, and an empty trail looks like nothing was ever decided.
	at, err := p.filled(c.Config)
	if err != nil {
		return err
	}
	db, err := store.Open(p.ctx, at)
	if err != nil {
		return err
	}
	defer db.Close()
	out := bufio.NewWriter(p.stdout)
	write := auditLines(out)
	flush := out.Flush
	if c.Format == "csv" {
		table := csv.NewWriter(out)
		if err := table.Write(auditFields); err != nil {
			return err
		}
		write = func(l auditLine) error { return table.Write(l.cells()) }
		flush = func() error {
			table.Flush()
			if err := table.Error(); err != nil {
				return err
			}
			return out.Flush()
		}
	}
	if err := db.Events(p.ctx, since, c.Repository, func(e store.Event) error { return write(auditLineOf(e)) }); err != nil {
		return err
	}
	return flush()
}

// moment reads --since; a day begins in UTC.
func moment(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("--since %q is no time: write 2026-05-22 or 2026-05-22T12:00:00Z", s)
}

// auditLine is one event as it is exported. The names are a promise.
type auditLine struct {
	ID           int64  `json:"id"`
	Time         string `json:"time"`
	Kind         string `json:"kind"`
	Repository   string `json:"repository"`
	RepositoryID int64  `json:"repository_id"`
	Pull         int    `json:"pull"`
	By           string `json:"by"`
	ByID         int64  `json:"by_id"`
	Package      string `json:"package"`
	Rule         string `json:"rule"`
	Finding      string `json:"finding"`
	Reason       string `json:"reason"`
	Detail       string `json:"detail"`
	Where        string `json:"where"`
}

// auditFields are the same names in the same order, for the head of a table.
var auditFields = []string{"id", "time", "kind", "repository", "repository_id", "pull", "by", "by_id", "package", "rule", "finding", "reason", "detail", "where"}

func auditLineOf(e store.Event) auditLine {
	return auditLine{
		ID: e.ID, Time: e.At.UTC().Format("2006-01-02T15:04:05.000000Z"), Kind: string(e.Kind), Repository: e.Repository, RepositoryID: e.RepoID, Pull: e.Pull,
		By: e.Login, ByID: e.By, Package: e.Package, Rule: e.Rule, Finding: string(e.Finding), Reason: e.Reason, Detail: e.Detail, Where: e.Where,
	}
}

func auditLines(w io.Writer) func(auditLine) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return func(l auditLine) error { return encoder.Encode(l) }
}

func (l auditLine) cells() []string {
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	cells := []string{
		number(l.ID), l.Time, l.Kind, l.Repository, number(l.RepositoryID), number(int64(l.Pull)), l.By, number(l.ByID),
		l.Package, l.Rule, l.Finding, l.Reason, l.Detail, l.Where,
	}
	for i, cell := range cells {
		cells[i] = inertCell(cell)
	}
	return cells
}

// inertCell keeps a spreadsheet from reading a text as a formula: what starts like one
// gets an apostrophe before it, which spreadsheets do not show. Blanks before the
// first character do not hide it from all of them.
func inertCell(s string) string {
	trimmed := strings.TrimLeft(s, " \t\r\n\u00a0\ufeff")
	if trimmed != "" && strings.ContainsRune("=+-@|%", rune(trimmed[0])) || s != "" && strings.ContainsRune("\t\r\n", rune(s[0])) ||
		strings.HasPrefix(trimmed, "\uff1d") || strings.HasPrefix(trimmed, "\uff0b") || strings.HasPrefix(trimmed, "\uff0d") || strings.HasPrefix(trimmed, "\uff20") {
		return "'" + s
	}
	return s
}
