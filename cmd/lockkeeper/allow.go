package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper/allowlist"
	"github.com/lockkeeper/lockkeeper/gitrepo"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/report"
)

type allowCmd struct {
	Add  allowAddCmd  `cmd:"" help:"Scan, and add entries that admit what is open to the work tree's allowlist."`
	List allowListCmd `cmd:"" help:"List the entries of the work tree's allowlist."`

	Prune   allowPruneCmd   `cmd:"" help:"Remove entries that admit nothing anybody needs any more."`
	Explain allowExplainCmd `cmd:"" help:"Say which entries are about a package, since when, and who signed."`
}

type allowAddCmd struct {
	Packages []string `arg:"" help:"Names of packages with open findings, or all."`
	Reason   string   `required:"" help:"Why they are accepted."`
	By       string   `help:"Who accepts them, for the entry's signed-off-by." placeholder:"LOGIN"`
	Base     string   `help:"Revision to compare with. Default: the default branch." placeholder:"REV"`
	Repo     string   `short:"C" help:"Repository, or a directory in it." default:"." placeholder:"DIR" type:"path"`
	engineFlags
}

func (allowAddCmd) Help() string {
	return `An entry is as durable as is safe: ordinary build code is admitted by what it can do,
grave build code by its exact content. Commit the file and have a reviewer approve it.

Examples:
  lockkeeper allow add ring --reason "assembles with cc"
  lockkeeper allow add all --reason "looked at in #812" --by alice`
}

func (c *allowAddCmd) Run(p *process) error {
	r, err := c.judge(p, c.Repo, c.Base, "")
	if err != nil {
		return err
	}
	entries, err := c.entries(r.Decision)
	if err != nil {
		return err
	}
	repo, err := gitrepo.Open(p.ctx, c.Repo)
	if err != nil {
		return err
	}
	path := filepath.Join(repo.Root(), filepath.FromSlash(allowlist.Path))
	before, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	after, err := allowlist.Append(before, entries...)
	if err != nil {
		return fmt.Errorf("add to %s: %w", allowlist.Path, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path, after, 0o644); err != nil {
		return err
	}
	for _, e := range entries {
		fmt.Fprint(p.stdout, allowlist.Format(e))
	}
	they := "They count"
	if len(entries) == 1 {
		they = "It counts"
	}
	fmt.Fprintf(p.stderr, "%s added to %s. %s once a reviewer approved the file, or it is on the base branch.\n", counted(len(entries), "entry", "entries"), allowlist.Path, they)
	return nil
}

// entries proposes one entry for each open finding of the named packages.
func (c *allowAddCmd) entries(d policy.Decision) ([]allowlist.Entry, error) {
	var entries []allowlist.Entry
	var open []string
	used := map[string]bool{}
	for _, o := range d.Outcomes {
		f := o.Finding
		if o.State != policy.Open || f.Package.Name == "" {
			continue
		}
		open = append(open, f.Package.Name)
		if !slices.Contains(c.Packages, "all") && !slices.Contains(c.Packages, f.Package.Name) && !slices.Contains(c.Packages, f.Package.ID()) {
			continue
		}
		used[f.Package.Name], used[f.Package.ID()] = true, true
		if o.Recordless() && slices.Contains(c.Packages, "all") {
			continue
		}
		e, _ := f.Entry() // where there is none, Append says so
		e.Reason, e.SignedOffBy = c.Reason, c.By
		if !slices.ContainsFunc(entries, func(other allowlist.Entry) bool { return allowlist.Format(other) == allowlist.Format(e) }) {
			entries = append(entries, e)
		}
	}
	slices.Sort(open)
	open = slices.Compact(open)
	for _, name := range c.Packages {
		if name != "all" && !used[name] {
			return nil, fmt.Errorf("nothing is open about %s; open are: %s", name, orNone(open))
		}
	}
	if len(entries) == 0 {
		return nil, fmt.Errorf("nothing is open, so there is nothing to add")
	}
	return entries, nil
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

type allowListCmd struct {
	Repo string `short:"C" help:"Repository, or a directory in it." default:"." placeholder:"DIR" type:"path"`
}

func (allowListCmd) Help() string { return "Example: lockkeeper allow list" }

func (c *allowListCmd) Run(p *process) error {
	repo, err := gitrepo.Open(p.ctx, c.Repo)
	if err != nil {
		return err
	}
	_, list, err := ownList(p, repo)
	if err != nil || list == nil {
		return err
	}
	remarks := map[int][]string{}
	problems := list.Problems(time.Now())
	for _, problem := range problems {
		remarks[problem.Entry.Line] = append(remarks[problem.Entry.Line], string(problem.Kind))
	}
	rows := [][]string{{"LINE", "PACKAGE", "VERSIONS", "ADMITS", "SIGNED OFF", "REMARK"}}
	for _, e := range list.Entries {
		rows = append(rows, []string{strconv.Itoa(e.Line), e.Package, orAll(e.Versions), e.Admitted(), signedOff(e), strings.Join(remarks[e.Line], ", ")})
	}
	if len(list.Entries) == 0 {
		fmt.Fprintf(p.stdout, "%s has no entry yet. lockkeeper allow add writes one.\n", allowlist.Path)
		return nil
	}
	if err := report.Table(p.stdout, rows, (outputFlags{Color: "auto"}).textOptions(p)); err != nil {
		return err
	}
	for _, problem := range problems {
		fmt.Fprintf(p.stdout, "%s:%d: %s\n", allowlist.Path, problem.Entry.Line, problem.Message)
	}
	return nil
}

// ownList reads the work tree's allowlist. It is nil where there is none, and then
// that is said.
func ownList(p *process, repo *gitrepo.Repo) ([]byte, *allowlist.List, error) {
	data, err := os.ReadFile(filepath.Join(repo.Root(), filepath.FromSlash(allowlist.Path)))
	if os.IsNotExist(err) {
		fmt.Fprintf(p.stdout, "There is no %s. lockkeeper allow add writes one.\n", allowlist.Path)
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	list, err := allowlist.Parse(allowlist.Path, data, policy.AllowRules())
	return data, list, err
}

func orAll(versions string) string {
	if versions == "" {
		return "all"
	}
	return versions
}

func signedOff(e allowlist.Entry) string {
	return strings.TrimSpace(e.SignedOffBy + " " + e.SignedOffIn)
}
