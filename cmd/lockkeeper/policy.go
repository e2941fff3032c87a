package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/lockkeeper/lockkeeper/allowlist"
	"github.com/lockkeeper/lockkeeper/gitrepo"
	"github.com/lockkeeper/lockkeeper/policy"
)

type policyCmd struct {
	Check   policyCheckCmd   `cmd:"" help:"Check policy and allowlist of the work tree."`
	Explain policyExplainCmd `cmd:"" help:"Say what the policy asks of a package in a lockfile, and why."`
	Test    policyTestCmd    `cmd:"" help:"Say what the policy would have asked in the past."`
}

type policyCheckCmd struct {
	Repo string `short:"C" help:"Repository, or a directory in it." default:"." placeholder:"DIR" type:"path"`
}

func (policyCheckCmd) Help() string {
	return `Both files are read strictly: an unknown key, rule or level is a mistake, named with its line.

Example: lockkeeper policy check`
}

func (c *policyCheckCmd) Run(p *process) error {
	repo, err := gitrepo.Open(p.ctx, c.Repo)
	if err != nil {
		return err
	}
	mistakes := 0
	for _, file := range []struct {
		path  string
		parse func(path string, data []byte) error
	}{
		{policy.Path, func(path string, data []byte) error { _, err := policy.Parse(path, data); return err }},
		{allowlist.Path, func(path string, data []byte) error {
			_, err := allowlist.Parse(path, data, policy.AllowRules())
			return err
		}},
	} {
		data, err := os.ReadFile(filepath.Join(repo.Root(), filepath.FromSlash(file.path)))
		switch {
		case os.IsNotExist(err):
			fmt.Fprintf(p.stdout, "%s: not there\n", file.path)
			continue
		case err != nil:
			return err
		}
		if err := file.parse(file.path, data); err != nil {
			mistakes++
			fmt.Fprintf(p.stdout, "%v\n%s", err, caret(err))
			continue
		}
		fmt.Fprintf(p.stdout, "%s: ok\n", file.path)
	}
	if mistakes > 0 {
		return exitCode(exitFailed)
	}
	return nil
}
