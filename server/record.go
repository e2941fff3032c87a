package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/allowlist"
	"github.com/lockkeeper/lockkeeper/github"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/report"
	"github.com/lockkeeper/lockkeeper/scan"
	"github.com/lockkeeper/lockkeeper/store"
)

// Branches of Lockkeeper's own.
const (
	ownBranches      = "lockkeeper/"
	allowlistBranch  = ownBranches + "allowlist"
	onboardingBranch = ownBranches + "onboarding"
)

const (
	// remindBefore is how long before its last day an entry is mentioned.
	remindBefore = 30 * 24 * time.Hour
	// maxMissed bounds the pull requests that are asked for their end at once.
	maxMissed = 20
)

// recordBranch is the branch that proposes entries for a base branch. Git cannot have
// a branch below another one, hence the dash.
func recordBranch(base, defaultBranch string) string {
	if base == defaultBranch {
		return allowlistBranch
	}
	return allowlistBranch + "-" + base
}

// recording is the work on the one pull request that records sign-offs on a base
// branch.
type recording struct {
	*worker
	base, branch, tip string
	file              []byte // the allowlist at tip
	list              *allowlist.List
	rules             scan.Rules
	offer             store.Offer
	open              *github.Pull // the pull request, if there is an open one

	rows    []store.Signed // that are to be recorded
	entries []allowlist.Entry
	without []string // packages that no entry can record
	foreign *report.Foreign
}

// recordOn brings the pull request that records sign-offs on a base branch up to date:
// opens it, rebuilds it from the tip of the base, or closes it.
func (w *worker) recordOn(ctx context.Context, base string) error {
	rec, err := w.recording(ctx, base)
	if err != nil || rec == nil {
		return err
	}
	if err := rec.ends(ctx); err != nil {
		return err
	}
	if err := rec.collect(ctx); err != nil {
		return err
	}
	how := rec.rules.Policy.Records()
	if w.cfg.NoRecord || how == policy.RecordNone || len(rec.entries) == 0 {
		return given(ctx, rec.close(ctx), "the pull request that records sign-offs could not be closed")
	}
	if may, err := w.granted(ctx, "sign-offs are not recorded in the allowlist"); err != nil || !may {
		return err
	}
	return given(ctx, rec.propose(ctx), "sign-offs could not be proposed for the allowlist")
}

// recording reads what there is. It is nil where nothing can be recorded: the branch
// is gone, has no rules, or its rules cannot be read, which every check says.
func (w *worker) recording(ctx context.Context, base string) (*recording, error) {
	repo, err := w.client.Installed(ctx, w.repo.Owner, w.repo.Name)
	if err != nil {
		return nil, err
	}
	if repo.Archived || repo.ID != w.repo.ID {
		return nil, nil
	}
	w.repo = repo.Repo
	rec := &recording{worker: w, base: base, branch: recordBranch(base, repo.DefaultBranch)}
	if rec.tip, err = w.client.Tip(ctx, w.repo, base); errors.Is(err, github.ErrNotFound) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	tree := w.tree(rec.tip)
	var broken *scan.RulesError
	if rec.rules, err = scan.ReadRules(ctx, tree, tree); errors.As(err, &broken) || err == nil && !rec.rules.Onboarded {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	var organisation *organisationError
	bound, err := w.organisation(ctx)
	if errors.As(err, &organisation) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	rec.rules = rec.rules.Under(bound)
	if rec.file, err = readFile(ctx, tree, allowlist.Path); err != nil {
		return nil, err
	}
	rec.list = rec.rules.Allowlist
	rec.offer, _, err = w.cfg.Store.Offer(ctx, w.repo.ID, store.AllowlistOffer, base)
	return rec, err
}

// ends notes the end of pull requests of which no webhook told.
func (rec *recording) ends(ctx context.Context) error {
	open, err := rec.cfg.Store.OpenSigned(ctx, rec.repo.ID, rec.base)
	if err != nil {
		return err
	}
	for _, number := range open[:min(len(open), maxMissed)] {
		pull, err := rec.client.Pull(ctx, rec.repo, number)
		if errors.Is(err, github.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if !pull.Open {
			if err := rec.cfg.Store.EndSigned(ctx, rec.repo.ID, number, pull.Merged, pull.Head); err != nil {
				return err
			}
		}
	}
	return nil
}

// collect finds what is to be recorded: what was signed off in merged pull requests,
// is not admitted by the allowlist already, and was not declined.
func (rec *recording) collect(ctx context.Context) error {
	pending, err := rec.cfg.Store.ToRecord(ctx, rec.repo.ID, rec.base)
	if err != nil {
		return err
	}
	if rec.offer.State == store.OfferOpen {
		if pending, err = rec.withoutDeclined(ctx, pending); err != nil {
			return err
		}
	}
	var settled []store.Signed
	for _, row := range pending {
		var body signedBody
		if err := json.Unmarshal(row.Body, &body); err != nil {
			return fmt.Errorf("read a signed finding: %w", err)
		}
		entry, ok := body.entry(row.Pull)
		switch admitting, _ := rec.list.Admitting(body.Finding.AllowSubject(), rec.cfg.Now()); {
		case admitting != nil:
			settled = append(settled, row)
		case !ok:
			rec.without = append(rec.without, body.Finding.Package.String())
		default:
			rec.rows = append(rec.rows, row)
			if !slices.ContainsFunc(rec.entries, entry.Same) {
				rec.entries = append(rec.entries, entry)
			}
		}
	}
	return rec.cfg.Store.SettleSigned(ctx, rec.repo.ID, settled, false)
}

// withoutDeclined looks at the pull request that was opened last. One that people
// closed without merging it means that what was in it is not to be recorded.
func (rec *recording) withoutDeclined(ctx context.Context, pending []store.Signed) ([]store.Signed, error) {
	pull, err := rec.client.Pull(ctx, rec.repo, rec.offer.Pull)
	if errors.Is(err, github.ErrNotFound) {
		return pending, nil
	}
	if err != nil {
		return nil, err
	}
	if pull.Open {
		rec.open = pull
		return pending, nil
	}
	state := store.OfferClosed
	if !pull.Merged {
		state = store.OfferDeclined
		tree := rec.worker.tree(pull.Head)
		data, err := readFile(ctx, tree, allowlist.Path)
		if err != nil {
			return nil, err
		}
		offered, err := allowlist.Parse(allowlist.Path, data, nil)
		if err != nil {
			offered = &allowlist.List{} // people broke it: nothing is known to be declined
		}
		var declined, rest []store.Signed
		for _, row := range pending {
			var body signedBody
			if err := json.Unmarshal(row.Body, &body); err != nil {
				return nil, fmt.Errorf("read a signed finding: %w", err)
			}
			if entry, ok := body.entry(row.Pull); ok && slices.ContainsFunc(offered.Entries, entry.Same) {
				declined = append(declined, row)
			} else {
				rest = append(rest, row)
			}
		}
		if err := rec.cfg.Store.SettleSigned(ctx, rec.repo.ID, declined, true); err != nil {
			return nil, err
		}
		pending = rest
	}
	rec.offer.State = state
	return pending, rec.cfg.Store.PutOffer(ctx, rec.repo.ID, rec.offer)
}

// close closes the pull request if it is open: nothing remains to be recorded. The
// store knows of it first, so that nobody is taken to have declined.
func (rec *recording) close(ctx context.Context) error {
	if rec.offer.State == store.OfferOpen {
		rec.offer.State = store.OfferClosed
		if err := rec.cfg.Store.PutOffer(ctx, rec.repo.ID, rec.offer); err != nil {
			return err
		}
	}
	if rec.offer.Pull == 0 {
		return nil
	}
	pulls, err := rec.client.PullsFrom(ctx, rec.repo, rec.branch, rec.base)
	if err != nil {
		return err
	}
	for _, p := range pulls {
		if !p.Open || !p.Author.Bot {
			continue
		}
		if err := rec.mayWrite(ctx); err != nil {
			return err
		}
		if err := rec.client.ClosePull(ctx, rec.repo, p.Number); err != nil {
			return err
		}
	}
	return rec.tidy(ctx)
}

// tidy deletes the branch if nobody else committed to it.
func (rec *recording) tidy(ctx context.Context) error {
	now, err := rec.client.Tip(ctx, rec.repo, rec.branch)
	if errors.Is(err, github.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	ours, _, err := rec.ours(ctx, now)
	if err != nil || !ours {
		return err
	}
	return rec.client.DeleteBranch(ctx, rec.repo, rec.branch)
}

// ours reports whether everything that a commit has beyond the base is Lockkeeper's
// own, and so may be replaced. The merge base is empty where there is none.
func (rec *recording) ours(ctx context.Context, commit string) (ours bool, mergeBase string, err error) {
	found, err := rec.client.Compare(ctx, rec.repo, rec.tip, commit)
	if errors.Is(err, github.ErrNoMergeBase) {
		return false, "", nil
	}
	if err != nil {
		return false, "", err
	}
	return !slices.ContainsFunc(found.Commits, func(c github.Commit) bool {
		// GitHub itself is the committer of what is made through its pages.
		byBot := c.Author != nil && c.Author.Bot
		return !byBot || !strings.Contains(c.Message, "\n"+trailer)
	}), found.MergeBase, nil
}

// propose brings branch and pull request up to date.
func (rec *recording) propose(ctx context.Context) error {
	after, err := allowlist.Append(rec.file, rec.entries...)
	if err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Msg("sign-offs cannot be recorded in this allowlist")
		return nil
	}
	if err := rec.push(ctx, after); err != nil {
		return err
	}
	text := report.Record{Entries: rec.entries, Unrecordable: rec.without, Foreign: rec.foreign, Base: rec.base, Reviewers: policy.Evaluate(policy.Input{Policy: rec.rules.Policy}).Reviewers}
	text.Expiring = rec.list.Expiring(rec.cfg.Now(), remindBefore)
	if text.Removable, err = rec.removable(ctx); err != nil {
		return err
	}
	if rec.open == nil {
		pulls, err := rec.client.PullsFrom(ctx, rec.repo, rec.branch, rec.base)
		if err != nil {
			return err
		}
		if i := slices.IndexFunc(pulls, func(p *github.Pull) bool { return p.Open }); i >= 0 {
			rec.open = pulls[i]
		}
	}
	if err := rec.mayWrite(ctx); err != nil {
		return err
	}
	if rec.open == nil {
		number, err := rec.client.OpenPull(ctx, rec.repo, rec.branch, rec.base, text.Title(), text.Text())
		if err != nil {
			return err
		}
		zerolog.Ctx(ctx).Info().Int("number", number).Int("entries", len(rec.entries)).Msg("opened the pull request that records sign-offs")
		rec.open = &github.Pull{Number: number, Title: text.Title(), Body: text.Text()}
	}
	if rec.open.Title != text.Title() || !sameText(rec.open.Body, text.Text()) {
		if err := rec.client.EditPull(ctx, rec.repo, rec.open.Number, text.Title(), text.Text()); err != nil {
			return err
		}
	}
	return rec.cfg.Store.PutOffer(ctx, rec.repo.ID, store.Offer{Kind: store.AllowlistOffer, BaseRef: rec.base, Pull: rec.open.Number, State: store.OfferOpen})
}

// sameText: GitHub may give line ends back as its pages make them.
func sameText(a, b string) bool {
	return strings.TrimSpace(strings.ReplaceAll(a, "\r\n", "\n")) == strings.TrimSpace(strings.ReplaceAll(b, "\r\n", "\n"))
}

// removable are the entries of the base that admit nothing anybody needs.
func (rec *recording) removable(ctx context.Context) ([]allowlist.Problem, error) {
	locked, complete, err := scan.Locked(ctx, rec.worker.tree(rec.tip))
	if err != nil {
		return nil, err
	}
	if !complete {
		locked = nil // an entry may be about what could not be read
	}
	return rec.list.Prunable(rec.cfg.Now(), locked), nil
}

// push sees to it that the branch has the allowlist after. It is rebuilt from the
// tip of the base where its own allowlist is another one, or lies on an older one of
// the base. Commits of people stay, and what is missing is added on top of them.
func (rec *recording) push(ctx context.Context, after []byte) error {
	now, err := rec.client.Tip(ctx, rec.repo, rec.branch)
	if errors.Is(err, github.ErrNotFound) {
		return rec.write(ctx, "", rec.tip, after)
	}
	if err != nil {
		return err
	}
	ours, mergeBase, err := rec.ours(ctx, now)
	if err != nil {
		return err
	}
	has, err := readFile(ctx, rec.worker.tree(now), allowlist.Path)
	if err != nil {
		return err
	}
	if !ours {
		return rec.pushOn(ctx, now, has)
	}
	under, err := readFile(ctx, rec.worker.tree(mergeBase), allowlist.Path)
	if err != nil {
		return err
	}
	if now != rec.tip && string(has) == string(after) && string(under) == string(rec.file) {
		return nil
	}
	return rec.write(ctx, now, rec.tip, after)
}

// pushOn adds what is missing on top of commits of people, and notes what is theirs.
func (rec *recording) pushOn(ctx context.Context, now string, has []byte) error {
	rec.foreign = &report.Foreign{}
	theirs, err := allowlist.Parse(allowlist.Path, has, nil)
	if err != nil {
		rec.foreign.Broken = true
		return nil // what they have is theirs to mend
	}
	known := append(slices.Clone(rec.list.Entries), rec.entries...)
	for _, e := range theirs.Entries {
		if !slices.ContainsFunc(known, e.Same) {
			rec.foreign.Added = append(rec.foreign.Added, e)
		}
	}
	for _, e := range rec.list.Entries {
		if !slices.ContainsFunc(theirs.Entries, e.Same) {
			rec.foreign.Gone = append(rec.foreign.Gone, e)
		}
	}
	more, err := allowlist.Append(has, rec.entries...)
	if err != nil || string(more) == string(has) {
		return nil
	}
	return rec.write(ctx, now, now, more)
}

// write commits data on top of parent and moves the branch there from expected.
func (rec *recording) write(ctx context.Context, expected, parent string, data []byte) error {
	sha, err := rec.client.CreateCommit(ctx, rec.repo, parent, recordMessage(rec.entries), []github.Written{{Path: allowlist.Path, Content: data}})
	if err != nil {
		return err
	}
	if err := rec.mayWrite(ctx); err != nil {
		return err
	}
	return rec.client.PutBranch(ctx, rec.repo, rec.branch, expected, sha, parent != expected)
}

// readFile reads a plain file of a revision; nil where there is none.
func readFile(ctx context.Context, t scan.Tree, path string) ([]byte, error) {
	files, err := t.Files(ctx)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		if f.Path == path && f.Mode == lockkeeper.Regular {
			return t.Read(ctx, f, scan.MaxGuardSize)
		}
	}
	return nil, nil
}
