package server

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/github"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/queue"
	"github.com/lockkeeper/lockkeeper/report"
	"github.com/lockkeeper/lockkeeper/store"
)

const (
	// lostAfter is how long the delivery that tells of a comment may take. After that
	// GitHub's own times alone say that nobody edited it.
	lostAfter = 2 * time.Minute
	// listedWithin is how long GitHub may take to list a comment that it told of, and
	// lookAgain how long to wait before looking for it again.
	listedWithin, lookAgain = time.Minute, 20 * time.Second
)

// heard is what was understood of one comment, as the store keeps it.
type heard struct {
	ID       int64          `json:"id"`
	By       int64          `json:"by"`
	Login    string         `json:"login"`
	Where    string         `json:"where"`
	Commands []heardCommand `json:"commands"`

	answered bool // by a reaction
}

type heardCommand struct {
	Line    string   `json:"line"` // as written, shortened
	Verb    verb     `json:"verb,omitempty"`
	Targets []string `json:"targets,omitempty"`
	Problem string   `json:"problem,omitempty"` // why it had no effect
	Note    string   `json:"note,omitempty"`    // what it had no effect on
}

// bodyDigest is of the text of a comment, however its lines end.
func bodyDigest(body string) lockkeeper.Digest {
	return lockkeeper.Sum([]byte(strings.TrimSpace(strings.ReplaceAll(body, "\r\n", "\n"))))
}

// hear reads the comments that were not heard yet and records the verdicts in
// them. A comment counts as it was created: one that was edited since is not
// heard, since it may not be its author's words any more. It can only be about
// findings that were shown when it was written: a push between the comment and
// this scan must not slip something new under "all" (promise 4).
func (w *worker) hear(ctx context.Context, v *verdict, in policy.Input, s subject, before store.Scan) error {
	comments, noted := v.said.listed, v.said.noted
	for _, c := range comments {
		if c.Own && v.own == 0 && strings.Contains(c.Body, report.Marker) {
			v.own = c.ID
		}
	}
	shown, err := shownBefore(before)
	if err != nil {
		return err
	}
	notes := map[int64]store.Comment{}
	for _, n := range noted {
		notes[n.ID] = n
		if n.Heard != nil {
			h := heard{answered: n.Answered}
			if err := json.Unmarshal(n.Heard, &h); err != nil {
				return fmt.Errorf("read what was heard in comment %d: %w", n.ID, err)
			}
			v.heard = append(v.heard, h)
		}
	}
	w.missing(v, noted, comments)
	now := policy.Evaluate(in).Outcomes
	for _, comment := range comments {
		note := notes[comment.ID]
		commands := parseCommands(comment.Body)
		// A comment of an account that is gone has nobody's word in it.
		if note.Heard != nil || len(commands) == 0 || comment.Author.Bot || comment.Author.ID == 0 || !w.asCreated(v, comment, note) {
			continue
		}
		l := listener{commands: commands, changes: v.report.Scan.Changes, shown: shown.at(comment.Created)}
		for _, o := range now {
			if !slices.ContainsFunc(l.shown, func(s policy.Outcome) bool { return s.Digest == o.Digest }) {
				l.later = append(l.later, o)
			}
		}
		if err := w.record(ctx, v, s, comment, l); err != nil {
			return err
		}
	}
	return nil
}

// conversation is what GitHub lists of a pull request's comments, and what was noted
// of them before that.
type conversation struct {
	listed []github.Comment
	noted  []store.Comment
}

// said reads the comments. GitHub is not asked for them where it just said that there
// are none: one that comes later has an event of its own.
func (w *worker) said(ctx context.Context, s subject) (said conversation, err error) {
	if said.noted, err = w.cfg.Store.Comments(ctx, w.repo.ID, s.pull.Number); err != nil || s.pull.Comments == 0 {
		return said, err
	}
	said.listed, err = w.client.Comments(ctx, w.repo, s.pull.Number, time.Time{})
	return said, err
}

// tellOthers queues the open pull requests, but the one of about, that show a finding
// about which something was said there: a sign-off holds for them as well, and so
// does a rejection.
func (s *Server) tellOthers(ctx context.Context, about queue.Job, said map[lockkeeper.Digest]bool) error {
	if len(said) == 0 {
		return nil
	}
	open, err := s.cfg.Store.ScansByBase(ctx, about.RepoID, "")
	if err != nil {
		return err
	}
	for _, scan := range open {
		if scan.Pull == about.Pull {
			continue
		}
		full, _, err := s.cfg.Store.GetScan(ctx, about.RepoID, scan.Pull)
		if err != nil {
			return err
		}
		shown, err := shownBefore(full)
		if err != nil {
			return err
		}
		if !shown.has(said) {
			continue
		}
		job := queue.Job{Kind: queue.Pull, Installation: about.Installation, RepoID: about.RepoID, Owner: about.Owner, Repo: about.Repo, Pull: scan.Pull, Delivery: about.Delivery}
		if err := s.queue.Put(ctx, job); err != nil {
			return fmt.Errorf("queue pull request %d: %w", scan.Pull, err)
		}
	}
	return nil
}

// asCreated reports whether a comment still says what its author wrote. GitHub's
// times show an edit, unless it was made within the second of the creation; the
// delivery that told of the creation shows that too. If that is still under way, the
// comment waits.
func (w *worker) asCreated(v *verdict, comment github.Comment, note store.Comment) bool {
	switch {
	case !comment.Updated.Equal(comment.Created):
		return false
	case note.Body != "":
		return note.Body == bodyDigest(comment.Body)
	}
	if due := comment.Created.Add(lostAfter); w.cfg.Now().Before(due) {
		v.again(due)
		return false
	}
	return true
}

// missing looks again soon for comments that GitHub told of and does not list: not
// all of its replicas know them yet, or they were deleted.
func (w *worker) missing(v *verdict, noted []store.Comment, listed []github.Comment) {
	for _, n := range noted {
		if n.Command && n.Heard == nil && w.cfg.Now().Sub(n.NotedAt) < listedWithin &&
			!slices.ContainsFunc(listed, func(c github.Comment) bool { return c.ID == n.ID }) {
			v.again(w.cfg.Now().Add(lookAgain))
		}
	}
}

// record keeps the verdicts of one comment, and then that it was heard: dying in
// between, the next run records the same again, which changes nothing.
func (w *worker) record(ctx context.Context, v *verdict, s subject, comment github.Comment, l listener) error {
	about := map[lockkeeper.Digest]bool{}
	h := heard{ID: comment.ID, By: comment.Author.ID, Login: comment.Author.Login, Where: comment.URL}
	for i, c := range l.commands {
		said, chosen := l.understand(c)
		h.Commands = append(h.Commands, said)
		verdict, _ := c.verb.verdict()
		for _, o := range chosen {
			statement := policy.Statement{
				Finding: o.Digest, Verdict: verdict, By: comment.Author.ID, Login: comment.Author.Login,
				Reason: c.reason, Where: comment.URL, At: comment.Created,
			}
			about[o.Digest] = true
			source := fmt.Sprintf("comment:%d/%d/%s", comment.ID, i, o.Digest)
			if _, err := w.cfg.Store.AddStatement(ctx, w.repo.ID, s.pull.Number, statement, source); err != nil {
				return err
			}
		}
	}
	if err := w.tellOthers(ctx, w.job, about); err != nil {
		return err
	}
	encoded, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("encode what was heard: %w", err)
	}
	known := store.Comment{ID: comment.ID, Body: bodyDigest(comment.Body), NotedAt: w.cfg.Now(), Heard: encoded}
	if err := w.cfg.Store.HearComment(ctx, w.repo.ID, s.pull.Number, known); err != nil {
		return err
	}
	v.heard = append(v.heard, h)
	zerolog.Ctx(ctx).Info().Int64("comment", comment.ID).Msg("heard a comment")
	return nil
}

// react answers each comment that was heard where it was asked, once: by whether
// what it says counts. Why it does not stands in the one comment.
func (w *worker) react(ctx context.Context, v *verdict) error {
	for _, h := range v.heard {
		if h.answered {
			continue
		}
		if err := w.mayWrite(ctx); err != nil {
			return err
		}
		if err := w.client.React(ctx, w.repo, h.ID, h.reaction(v)); github.Temporary(err) {
			return err
		} else if err != nil { // the conversation is locked, the comment is gone
			zerolog.Ctx(ctx).Warn().Err(err).Msg("could not react to a comment")
		}
		if err := w.cfg.Store.AnswerComment(ctx, w.repo.ID, h.ID); err != nil {
			return err
		}
	}
	return nil
}

func (h heard) reaction(v *verdict) string {
	answer := github.ReactionSeen
	for _, c := range h.Commands {
		if c.Problem != "" {
			return github.ReactionConfused
		}
		if _, ok := c.Verb.verdict(); ok {
			answer = github.ReactionDone
		}
	}
	last := map[lockkeeper.Digest]policy.Statement{}
	for _, st := range v.statements {
		if st.By == h.By {
			last[st.Finding] = st
		}
	}
	for _, o := range v.report.Decision.Outcomes {
		st, ok := last[o.Digest]
		if !ok || st.Where != h.Where { // not about this, or overtaken by what they said later
			continue
		}
		mine := func(s policy.Statement) bool { return s.By == h.By }
		if st.Verdict == policy.SignOff && !slices.ContainsFunc(o.SignedBy, mine) || st.Verdict == policy.Reject && !slices.ContainsFunc(o.RejectedBy, mine) {
			return github.ReactionRefused
		}
	}
	return answer
}
