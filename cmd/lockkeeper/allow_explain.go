package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/allowlist"
	"github.com/lockkeeper/lockkeeper/gitrepo"
	"github.com/lockkeeper/lockkeeper/report"
	"github.com/lockkeeper/lockkeeper/scan"
)

type allowExplainCmd struct {
	Package string `arg:"" help:"Name of a package: ring, cargo/ring or pkg:cargo/ring@0.17.8."`
	Repo    string `short:"C" help:"Repository, or a directory in it." default:"." placeholder:"DIR" type:"path"`
}

func (allowExplainCmd) Help() string {
	return `For each entry about the package: what it admits, of which locked versions, who signed it off
where and why, and the commit that brought it into the allowlist.

Examples:
  lockkeeper allow explain ring
  lockkeeper allow explain pypi/numpy`
}

func (c *allowExplainCmd) Run(p *process) error {
	repo, err := gitrepo.Open(p.ctx, c.Repo)
	if err != nil {
		return err
	}
	_, list, err := ownList(p, repo)
	if err != nil || list == nil {
		return err
	}
	all, complete, err := scan.Locked(p.ctx, repo.WorkTree())
	if err != nil {
		return err
	}
	if !complete {
		fmt.Fprintln(p.stderr, "A lockfile could not be read, so not every locked version is known. lockkeeper scan says which.")
	}
	locked := slices.DeleteFunc(all, func(l lockkeeper.Package) bool { return !means(c.Package, l.ID(), l.Version) })
	slices.SortFunc(locked, func(a, b lockkeeper.Package) int { return strings.Compare(a.String(), b.String()) })
	locked = slices.Compact(locked)
	history, err := c.history(p, repo)
	if err != nil {
		return err
	}
	found := false
	for _, e := range list.Entries {
		if means(c.Package, e.Package, "") {
			if found {
				fmt.Fprintln(p.stdout)
			}
			found = true
			explain(p.stdout, list, e, locked, history)
		}
	}
	if !found {
		versions := make([]string, len(locked))
		for i, l := range locked {
			versions[i] = l.ID() + " " + l.Version
		}
		fmt.Fprintf(p.stdout, "No entry of %s is about %s. Locked here: %s.\n", allowlist.Path, report.Plain(c.Package), report.Plain(orNone(versions)))
		return nil
	}
	for _, l := range locked {
		if !slices.ContainsFunc(list.Entries, func(e allowlist.Entry) bool { return e.Concerns(l) }) {
			fmt.Fprintf(p.stdout, "%s %s is locked, and no entry is about that version.\n", l.ID(), report.Plain(l.Version))
		}
	}
	return nil
}

// means reports whether the words name the package with that id ("cargo/ring"), in
// that version where they name one.
func means(words, id, version string) bool {
	words = strings.TrimPrefix(words, "pkg:")
	words, wanted, _ := strings.Cut(words, "@")
	if wanted != "" && version != "" && wanted != version {
		return false
	}
	_, name, _ := strings.Cut(id, "/")
	return words == id || words == name
}

// listed is an allowlist as one commit left it.
type listed struct {
	gitrepo.FileVersion
	list *allowlist.List
}

// history is the allowlist's, newest first, as far as it can be read.
func (c *allowExplainCmd) history(p *process, repo *gitrepo.Repo) ([]listed, error) {
	if _, err := repo.Resolve(p.ctx, "HEAD"); err != nil {
		return nil, nil // nothing was committed yet
	}
	versions, err := repo.FileHistory(p.ctx, allowlist.Path)
	if err != nil {
		return nil, err
	}
	var history []listed
	for _, v := range versions {
		data, err := repo.ReadAt(p.ctx, v.ID, allowlist.Path, scan.MaxGuardSize)
		if err != nil {
			return nil, err
		}
		list, err := allowlist.Parse(allowlist.Path, data, nil)
		if err != nil {
			list = nil
		}
		history = append(history, listed{v, list})
	}
	return history, nil
}

// since is the commit that brought e, the oldest of those that have it without a
// gap; nil where it is not committed. A version that cannot be read is passed over.
func since(e allowlist.Entry, history []listed) *listed {
	var oldest *listed
	for i := range history {
		switch {
		case history[i].list == nil:
		case slices.ContainsFunc(history[i].list.Entries, e.Same):
			oldest = &history[i]
		default:
			return oldest
		}
	}
	return oldest
}

func explain(w io.Writer, list *allowlist.List, e allowlist.Entry, locked []lockkeeper.Package, history []listed) {
	fmt.Fprintf(w, "%s:%d  %s %s\n", allowlist.Path, e.Line, e.Package, orAll(e.Versions))
	line := func(what, text string) {
		if text != "" {
			fmt.Fprintf(w, "  %-11s %s\n", what, report.Plain(text))
		}
	}
	line("admits", e.Admitted())
	line("signed off", signedOff(e))
	line("because", e.Reason)
	if commit := since(e, history); commit != nil {
		line("since", fmt.Sprintf("%s, %.10s by %s: %s", commit.Time.Format(time.DateOnly), commit.ID, commit.Author, commit.Subject))
	} else {
		line("since", "now: it is in the work tree and not committed")
	}
	if !e.Expires.IsZero() {
		line("until", e.Expires.Format(time.DateOnly))
	}
	var in, out []string
	for _, l := range locked {
		switch {
		case l.ID() != e.Package:
		case e.Concerns(l):
			in = append(in, l.Version)
		default:
			out = append(out, l.Version)
		}
	}
	line("of locked", strings.Join(in, ", "))
	line("not of", strings.Join(out, ", "))
	for _, problem := range list.Problems(time.Now()) {
		if problem.Entry.Line == e.Line {
			line("but", problem.Message)
		}
	}
}
