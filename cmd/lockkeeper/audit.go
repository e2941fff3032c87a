package main

import (
	"bytes"
	"fmt"
	"time"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/gitrepo"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/report"
	"github.com/lockkeeper/lockkeeper/report/html"
	"github.com/lockkeeper/lockkeeper/scan"
)

// openAll is everything that a revision locks, or the work tree: a change from
// nothing to all of it, by the policy that lies there.
func openAll(p *process, dir, head string) (*change, error) {
	repo, err := gitrepo.Open(p.ctx, dir)
	if err != nil {
		return nil, err
	}
	c := &change{base: repo.Tree(""), baseName: "nothing", head: repo.WorkTree(), headName: workTree, onlyWithCode: true}
	if head != "" {
		if c.headName, err = repo.Resolve(p.ctx, head); err != nil {
			return nil, err
		}
		c.head = repo.Commit(c.headName)
	}
	c.rules, err = scan.ReadRules(p.ctx, c.head, c.head)
	return c, err
}

// audit shows what is locked. It asks for nothing: only what is blocked, such as a
// package that is known to be malicious, makes it fail.
func (c *scanCmd) audit(p *process) error {
	if c.Format == "markdown" || c.Format == "sarif" { // said before anything is asked
		return usageError{fmt.Errorf("--all is shown as text, html, json or csv")}
	}
	r, err := c.judgeAll(p, c.Repo, c.Head)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	switch c.Format {
	case "csv":
		err = report.AuditCSV(&b, r)
	case "json":
		err = report.JSON(&b, r)
	case "html":
		err = html.Audit(&b, r)
	default:
		err = report.Audit(&b, r, c.textOptions(p))
	}
	if err != nil {
		return err
	}
	if _, err := p.stdout.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	if r.Decision.Count(policy.Blocked) > 0 {
		return exitCode(exitBlocked)
	}
	return nil
}

// judgeAll looks at everything that is locked.
func (f engineFlags) judgeAll(p *process, dir, head string) (*report.Report, error) {
	all, err := openAll(p, dir, head)
	if err != nil {
		return nil, err
	}
	organisation, err := f.organisation()
	if err != nil {
		return nil, err
	}
	all.rules = all.rules.Under(organisation)
	scanner, err := f.scanner(p)
	if err != nil {
		return nil, err
	}
	r, err := all.judge(p, scanner)
	if err != nil {
		return nil, err
	}
	r.Listed = map[lockkeeper.Digest]int{}
	for _, o := range r.Decision.Outcomes {
		if entry, _ := all.rules.Allowlist.Admitting(o.Finding.AllowSubject(), time.Now()); entry != nil {
			r.Listed[o.Digest] = entry.Line
		}
	}
	return r, nil
}
