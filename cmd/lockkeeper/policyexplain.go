package main

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/config/strict"
	"github.com/lockkeeper/lockkeeper/gitrepo"
	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/report"
	"github.com/lockkeeper/lockkeeper/scan"
)

type policyExplainCmd struct {
	Path    string `arg:"" help:"A lockfile, from the repository's root; it need not be there." placeholder:"PATH"`
	Package string `arg:"" optional:"" help:"A package: ring or cargo/ring. Default: any." placeholder:"PACKAGE"`
	Repo    string `short:"C" help:"Repository, or a directory in it." default:"." placeholder:"DIR" type:"path"`
}

func (policyExplainCmd) Help() string {
	return `Reads the policy of the work tree. Rules that have two levels ask for the first in grave
circumstances and for the second in ordinary ones; lockkeeper explain RULE says which are.

Examples:
  lockkeeper policy explain Cargo.lock ring
  lockkeeper policy explain tools/uv.lock pypi/numpy`
}

func (c *policyExplainCmd) Run(p *process) error {
	repo, err := gitrepo.Open(p.ctx, c.Repo)
	if err != nil {
		return err
	}
	rules, err := readPolicy(filepath.Join(repo.Root(), filepath.FromSlash(policy.Path)))
	if err != nil {
		return err
	}
	file := path.Clean(filepath.ToSlash(c.Path))
	pkg, err := packageIn(file, c.Package)
	if err != nil {
		return usageError{err}
	}
	watched, why := rules.WhyWatched(file)
	if !watched {
		fmt.Fprintf(p.stdout, "%s is not watched: %s. Nothing is asked about it.\n", printable(file), why)
		return nil
	}
	what := printable(file)
	if pkg.Name != "" {
		what += ", " + printable(pkg.ID())
	}
	fmt.Fprintf(p.stdout, "%s: watched, for %s.\n", what, why)
	if note := unlocked(p, repo, pkg); note != "" {
		fmt.Fprintln(p.stdout, note)
	}
	fmt.Fprintln(p.stdout)
	rows := [][]string{{"RULE", "ASKS FOR", "BECAUSE OF"}}
	for _, a := range rules.Ask(file, pkg) {
		level := string(a.Grave)
		if a.Mild != a.Grave {
			level += " or " + string(a.Mild)
		}
		rows = append(rows, []string{string(a.Rule), level, a.Why})
	}
	return report.Table(p.stdout, rows, (outputFlags{Color: "auto"}).textOptions(p))
}

// unlocked says that nothing here locks the package, if so: a policy may be about one
// that is to come, and a name may be misspelt.
func unlocked(p *process, repo *gitrepo.Repo, pkg lockkeeper.Package) string {
	all, complete, err := scan.Locked(p.ctx, repo.WorkTree())
	if err != nil || !complete || pkg.Name == "" {
		return ""
	}
	var names []string
	for _, l := range all {
		switch {
		case l.ID() == pkg.ID():
			return ""
		case l.Ecosystem == pkg.Ecosystem:
			names = append(names, l.Name)
		}
	}
	if close := strict.Closest(pkg.Name, names); close != "" {
		return fmt.Sprintf("No lockfile here has %s; did you mean %s?", printable(pkg.Name), printable(close))
	}
	return fmt.Sprintf("No lockfile here has %s.", printable(pkg.Name))
}

// readPolicy reads the policy at a path; the default one where there is none.
func readPolicy(file string) (*policy.Policy, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return policy.Default(), nil
	}
	if err != nil {
		return nil, err
	}
	return policy.Parse(policy.Path, data)
}

// packageIn is the package of that name in a lockfile, whose format says of which
// ecosystem. An empty name is no package.
func packageIn(file, name string) (lockkeeper.Package, error) {
	format, ok := lockfile.FormatOf(file)
	if !ok {
		return lockkeeper.Package{}, fmt.Errorf("%s is not the name of a lockfile; Lockkeeper reads %s", printable(file), knownNames)
	}
	pkg := lockkeeper.Package{Ecosystem: format.Ecosystem(), Name: name}
	if ecosystem, rest, found := strings.Cut(name, "/"); found {
		if lockkeeper.Ecosystem(ecosystem) != pkg.Ecosystem {
			return lockkeeper.Package{}, fmt.Errorf("%s holds packages of %s, not of %s", printable(file), pkg.Ecosystem, printable(ecosystem))
		}
		pkg.Name = rest
	}
	return pkg, nil
}
