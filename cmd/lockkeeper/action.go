package main

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/lockkeeper/lockkeeper/github"
	"github.com/lockkeeper/lockkeeper/gitrepo"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/report"
)

type actionCmd struct {
	Base      string `help:"Revision to compare with. Default: what the event that started the run says." placeholder:"REV"`
	SarifFile string `help:"Also write SARIF to this file, for github/codeql-action/upload-sarif." placeholder:"FILE" type:"path"`
	Comment   bool   `help:"Keep one comment on the pull request, with the token in GITHUB_TOKEN."`
	Repo      string `short:"C" help:"Repository, or a directory in it." default:"." placeholder:"DIR" type:"path"`
	engineFlags
}

func (actionCmd) Help() string {
	return `What action.yml runs: a scan whose result becomes the run's log, annotations, job summary
and outputs. Exit codes are those of scan.

Example: lockkeeper action --sarif-file lockkeeper.sarif`
}

// event is what started a workflow run, as far as it is needed.
type event struct {
	Before string `json:"before"` // of a push: what the branch was
	Number int    `json:"number"` // of a pull request
}

func (c *actionCmd) Run(p *process) error {
	started, err := readEvent(p)
	if err != nil {
		return err
	}
	r, err := c.judge(p, c.Repo, c.base(p, started), "")
	if err != nil {
		return err
	}
	r.Accept = "lockkeeper allow add"
	if err := c.log(p, r); err != nil {
		return err
	}
	if err := c.files(p, r); err != nil {
		return err
	}
	if c.Comment && started.Number > 0 {
		if err := c.comment(p, r, started.Number); err != nil {
			// A run for a fork has a token that may only read; the result stands all the same.
			fmt.Fprintf(p.stdout, "::warning title=Lockkeeper::%s\n", escapeData(fmt.Sprintf("The comment could not be written: %v. The job needs the permission pull-requests: write, which runs for forks do not have.", err)))
		}
	}
	return conclude(r)
}

// readEvent reads the file that GitHub Actions names; there is none elsewhere.
func readEvent(p *process) (event, error) {
	var e event
	path := p.getenv("GITHUB_EVENT_PATH")
	if path == "" {
		return e, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return e, fmt.Errorf("read the event of this run: %w", err)
	}
	if err := json.Unmarshal(data, &e); err != nil {
		return e, fmt.Errorf("read the event of this run, %s: %w", path, err)
	}
	return e, nil
}

// base is what a push started from, if that is here; of anything else Base finds it.
func (c *actionCmd) base(p *process, started event) string {
	if c.Base != "" || p.getenv("GITHUB_EVENT_NAME") != "push" || strings.Trim(started.Before, "0") == "" {
		return c.Base
	}
	repo, err := gitrepo.Open(p.ctx, c.Repo)
	if err != nil {
		return ""
	}
	if _, err := repo.Resolve(p.ctx, started.Before); err != nil {
		return "" // a new branch, or rewritten
	}
	return started.Before
}

// maxAnnotations is how many errors of one step GitHub shows.
const maxAnnotations = 10

// log writes the result for the run's log, and annotations. In the log no text of a
// package is taken for a workflow command, wherever it stands in a line.
func (c *actionCmd) log(p *process, r *report.Report) error {
	var b bytes.Buffer
	token := rand.Text()
	fmt.Fprintf(&b, "::stop-commands::%s\n", token)
	if err := report.Text(&b, r, report.TextOptions{Width: 120}); err != nil {
		return err
	}
	fmt.Fprintf(&b, "::%s::\n", token)
	shown := 0
	for _, o := range r.Decision.Outcomes {
		if o.State != policy.Blocked && o.State != policy.Open && o.State != policy.Rejected || shown == maxAnnotations {
			continue
		}
		shown++
		f := o.Finding
		title := strings.TrimSpace(f.Package.Name + " " + f.Package.Version)
		fmt.Fprintf(&b, "::error file=%s,line=%d,title=%s::%s\n",
			escapeProperty(f.Lockfile), max(1, f.Line), escapeProperty(cmp.Or(title, "Lockkeeper")), escapeData(f.Message+" ("+string(f.Rule)+")"))
	}
	_, err := p.stdout.Write(b.Bytes())
	return err
}

// escapeData and escapeProperty are how the values of workflow commands are written
// (actions/toolkit, command.ts).
func escapeData(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

func escapeProperty(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C").Replace(s)
}

// maxSummary is GitHub's limit for the summary of one step, in bytes.
const maxSummary = 1 << 20

// files writes the job summary, the outputs and SARIF, where they are wanted.
func (c *actionCmd) files(p *process, r *report.Report) error {
	var summary bytes.Buffer
	if err := report.Markdown(&summary, r); err != nil {
		return err
	}
	if summary.Len() > maxSummary {
		summary.Truncate(maxSummary)
	}
	outputs := fmt.Sprintf("conclusion=%s\n", r.Decision.Conclusion)
	if c.SarifFile != "" {
		var b bytes.Buffer
		if err := report.SARIF(&b, r, semantic(versionText())); err != nil {
			return err
		}
		if err := os.WriteFile(c.SarifFile, b.Bytes(), 0o644); err != nil {
			return err
		}
		outputs += "sarif-file=" + c.SarifFile + "\n"
	}
	return errors.Join(appendTo(p.getenv("GITHUB_STEP_SUMMARY"), summary.Bytes()), appendTo(p.getenv("GITHUB_OUTPUT"), []byte(outputs)))
}

func appendTo(path string, data []byte) error {
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// comment writes the one comment, and edits it only when its meaning changes. It does
// not begin one to say that there is nothing to say.
func (c *actionCmd) comment(p *process, r *report.Report, number int) error {
	cfg, err := p.configuration(c.Config)
	if err != nil {
		return err
	}
	client, err := github.NewWorkflow(github.Config{
		BaseURL: cmp.Or(cfg.GitHub.APIURL, p.getenv("GITHUB_API_URL")), WebURL: cmp.Or(cfg.GitHub.WebURL, p.getenv("GITHUB_SERVER_URL")), UserAgent: "lockkeeper/" + agentVersion(),
	}, cmp.Or(p.getenv("GITHUB_TOKEN"), p.getenv("GH_TOKEN")))
	if err != nil {
		return err
	}
	owner, name, _ := strings.Cut(p.getenv("GITHUB_REPOSITORY"), "/")
	repo := github.Repo{Owner: owner, Name: name}
	id, before, err := client.FindComment(p.ctx, repo, number, actionMarker)
	if err != nil {
		return err
	}
	meaning := fmt.Sprintf("<!-- %s -->", report.Meaning(r))
	quiet := r.Decision.Count(policy.Blocked, policy.Rejected, policy.Open) == 0
	if strings.Contains(before, meaning) || id == 0 && quiet {
		return nil
	}
	body := strings.Replace(report.Comment(r, ""), report.Marker, actionMarker+meaning, 1)
	_, err = client.PutComment(p.ctx, repo, number, id, actionMarker, body)
	return err
}

// actionMarker is the hidden first line of the action's comment; the App has its own.
const actionMarker = "<!-- lockkeeper action -->"
