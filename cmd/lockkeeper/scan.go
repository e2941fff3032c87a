package main

import (
	"fmt"
	"strings"

	"github.com/lockkeeper/lockkeeper/report"
)

type scanCmd struct {
	Old  string `arg:"" optional:"" help:"Two lockfiles to compare: the one before (empty: there was none)," type:"path"`
	New  string `arg:"" optional:"" help:"and the one after." type:"path"`
	Base string `help:"Branch or revision to compare with. Default: the default branch." placeholder:"REV"`
	Head string `help:"Revision to judge. Default: the files as they lie on disk." placeholder:"REV"`
	All  bool   `help:"Look at everything that is locked: what runs code while it is built."`
	As   string `help:"What two lockfiles are, where their names do not tell: Cargo.lock." placeholder:"NAME"`
	Repo string `short:"C" help:"Repository, or a directory in it." default:"." placeholder:"DIR" type:"path"`
	outputFlags
	engineFlags
}

func (scanCmd) Help() string {
	return `Policy and allowlist are those of the branch that is compared with.

Examples:
  lockkeeper scan                     the work tree against the default branch
  lockkeeper scan --base main --head topic
  lockkeeper scan --show build-code   with the code itself
  lockkeeper scan old/Cargo.lock new/Cargo.lock
  lockkeeper scan --all               what is locked already; --format csv
  lockkeeper scan --format html > report.html
  lockkeeper scan --format json | jq .conclusion`
}

func (c *scanCmd) Run(p *process) error {
	if err := c.check(); err != nil {
		return err
	}
	switch {
	case c.Old != "":
		return (&diffCmd{Old: c.Old, New: c.New, As: c.As, outputFlags: c.outputFlags, engineFlags: c.engineFlags}).Run(p)
	case c.All:
		return c.audit(p)
	}
	r, err := c.judge(p, c.Repo, c.Base, c.Head)
	if err != nil {
		return err
	}
	r.Command = strings.TrimSpace("lockkeeper scan " + nonDefault("--base", c.Base) + nonDefault("--head", c.Head))
	if c.Head == "" { // entries are for what lies in the work tree
		r.Accept = strings.TrimSpace("lockkeeper allow add " + nonDefault("--base", c.Base))
	}
	return c.write(p, r)
}

// check refuses flags that do not go together.
func (c *scanCmd) check() error {
	switch {
	case (c.Old == "") != (c.New == ""):
		return usageError{fmt.Errorf("name two lockfiles to compare them, or none to look at this repository; for a revision use --base or --head")}
	case c.Old != "" && (c.Base != "" || c.Head != "" || c.All):
		return usageError{fmt.Errorf("two lockfiles are compared with each other: leave out --base, --head and --all")}
	case c.All && c.Base != "":
		return usageError{fmt.Errorf("--all looks at everything that is locked: leave out --base")}
	case c.As != "" && c.Old == "":
		return usageError{fmt.Errorf("--as says what two lockfiles are: name them, or leave it out")}
	case c.Format == "csv" && !c.All:
		return usageError{fmt.Errorf("--format csv is the list that --all makes: add --all")}
	}
	return nil
}

func nonDefault(flag, value string) string {
	if value == "" {
		return ""
	}
	return flag + " " + value + " "
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
