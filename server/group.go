package server

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/github"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/queue"
	"github.com/lockkeeper/lockkeeper/scan"
)

// mergeGroup scans the merged result for real: what passed alone may not pass
// together.
func (w *worker) mergeGroup(ctx context.Context, job queue.Job) error {
	open, err := w.client.OpenPulls(ctx, w.repo, job.Base)
	if err != nil {
		return err
	}
	number, _ := queuedPull(job.Ref)
	return w.judge(ctx, subject{
		baseRef: job.Base, head: job.SHA, private: len(open) > 0 && open[0].Repo.Private,
		queued: func(c *sides) []*github.Pull {
			numbers := merged(c.commits, job.SHA)
			return slices.DeleteFunc(open, func(p *github.Pull) bool {
				return p.Number != number && !numbers[p.Number] && !slices.ContainsFunc(c.commits, func(commit github.Commit) bool { return commit.SHA == p.Head })
			})
		},
	})
}

// queuedPull reads the number from "refs/heads/gh-readonly-queue/main/pr-12-SHA".
func queuedPull(ref string) (int, bool) {
	_, rest, found := strings.Cut(ref[strings.LastIndex(ref, "/")+1:], "pr-")
	digits, _, _ := strings.Cut(rest, "-")
	n, err := strconv.Atoi(digits)
	return n, found && err == nil && n > 0
}

// pullNumber is how GitHub names a pull request in the first line of the commits
// that merge or squash it: "Merge pull request #12 from ..." and "Title (#12)".
var pullNumber = regexp.MustCompile(`^Merge pull request #(\d{1,9})\b|\(#(\d{1,9})\)\s*$`)

// merged are the pull requests that the queue's own commits name: those from head
// along the first parents. A commit that names another one wrongly only keeps its
// author from signing off.
func merged(commits []github.Commit, head string) map[int]bool {
	bySHA := map[string]github.Commit{}
	for _, c := range commits {
		bySHA[c.SHA] = c
	}
	numbers := map[int]bool{}
	for c, ok := bySHA[head]; ok; {
		delete(bySHA, c.SHA)
		line, _, _ := strings.Cut(c.Message, "\n")
		if m := pullNumber.FindStringSubmatch(line); m != nil {
			if n, err := strconv.Atoi(m[1] + m[2]); err == nil {
				numbers[n] = true
			}
		}
		if len(c.Parents) == 0 {
			break
		}
		c, ok = bySHA[c.Parents[0]]
	}
	return numbers
}

// decideGroup decides about the findings of a merge group. What a pull request of it
// brings in, those decide who had no hand in that one, so that two people can review
// each other's; what none brings in alone, those who had no hand in any.
func (w *worker) decideGroup(ctx context.Context, v *verdict, in policy.Input, s subject) error {
	pulls := s.queued(v.sides)
	var err error
	if in.Statements, err = w.statements(ctx, in.Findings); err != nil {
		return err
	}
	whole := in
	whole.Proposed, whole.ProposedDigest = nil, ""
	var parts []policy.Part
	for _, p := range pulls {
		part := in
		brings, sides, err := w.part(ctx, &part, v.sides, s.baseRef, p)
		if err != nil {
			return err
		}
		if err := w.people(ctx, &part, sides, v.report.Scan); err != nil {
			return err
		}
		parts = append(parts, policy.Part{Decision: policy.Evaluate(part), Brings: brings})
		if whole.Author.ID == 0 {
			whole.Author = part.Author
		}
		whole.Contributors = append(append(whole.Contributors, part.Author.ID), part.Contributors...)
		whole.Unresolved = append(whole.Unresolved, part.Unresolved...)
	}
	if err := w.people(ctx, &whole, v.sides, v.report.Scan); err != nil {
		return err
	}
	v.report.Decision = policy.Join(policy.Evaluate(whole), in.Onboarded, parts...)
	return nil
}

// part makes in the question about one pull request of a group: who opened it, what
// it proposes for the allowlist and who approved that. What it brings in is what its
// own scan found; without a scan of its present head that is nothing.
func (w *worker) part(ctx context.Context, in *policy.Input, group *sides, baseRef string, p *github.Pull) (map[lockkeeper.Digest]bool, *sides, error) {
	sides, err := w.sides(ctx, baseRef, "", p.Head)
	if err != nil {
		return nil, nil, err
	}
	in.Author = policy.Person{ID: p.Author.ID, Login: p.Author.Login, Bot: p.Author.Bot}
	rules, err := scan.ReadRules(ctx, group.tip, sides.head)
	if err != nil {
		return nil, nil, err
	}
	if in.Proposed, in.ProposedDigest = rules.Proposed, rules.ProposedDigest; in.Proposed != nil {
		if in.Approvals, err = w.approvals(ctx, p.Number, p.Head, in.ProposedDigest); err != nil {
			return nil, nil, err
		}
	}
	brings := map[lockkeeper.Digest]bool{}
	before, _, err := w.cfg.Store.GetScan(ctx, w.repo.ID, p.Number)
	if err != nil {
		return nil, nil, err
	}
	shown, err := shownBefore(before)
	if err == nil && !shown.Held && before.Head == p.Head && before.BaseRef == baseRef {
		for _, f := range shown.Findings {
			brings[f.Digest] = true
		}
	}
	return brings, sides, err
}
