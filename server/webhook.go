package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	gh "github.com/google/go-github/v82/github"
	"github.com/palantir/go-githubapp/githubapp"
	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/queue"
	"github.com/lockkeeper/lockkeeper/store"
)

// maxDelivery bounds a webhook's body, in bytes: GitHub sends at most 25 MB.
const maxDelivery = 25 << 20

// webhooks answers deliveries: it checks the signature over the raw body, commits
// jobs and only then says 200. Whatever it cannot accept changes nothing
// (promise 8).
func (s *Server) webhooks() http.Handler {
	dispatcher := githubapp.NewEventDispatcher(
		[]githubapp.EventHandler{deliveries{s}}, s.cfg.WebhookSecret,
		githubapp.WithScheduler(committed{}),
		githubapp.WithErrorCallback(refuse),
	)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			http.Error(w, "webhooks are posted", http.StatusMethodNotAllowed)
			return
		}
		// SHA-1 signatures are not accepted in place of the stronger one.
		if r.Header.Get(gh.SHA256SignatureHeader) == "" {
			http.Error(w, "the delivery has no SHA-256 signature", http.StatusBadRequest)
			return
		}
		if r.ContentLength > maxDelivery {
			http.Error(w, "the delivery is too large", http.StatusRequestEntityTooLarge)
			return
		}
		body := s.bodies.hold(http.MaxBytesReader(w, r.Body, maxDelivery))
		defer body.release()
		r.Body = body
		dispatcher.ServeHTTP(w, r)
	})
}

// committed runs a handler inside the request: it returns nil only once the
// handler's jobs are in the database.
type committed struct{}

func (committed) Schedule(ctx context.Context, d githubapp.Dispatch) error { return d.Execute(ctx) }

// refuse answers a delivery that was not accepted. GitHub shows the status to the
// App's owner and can deliver again.
func refuse(w http.ResponseWriter, r *http.Request, err error) {
	var invalid githubapp.ValidationError
	var tooLarge *http.MaxBytesError
	if errors.As(err, &invalid) {
		err = errors.Join(err, invalid.Cause) // which does not unwrap
	}
	switch {
	case errors.Is(err, errBusy):
		zerolog.Ctx(r.Context()).Warn().Msg("refused a delivery: too much is being received at once")
		http.Error(w, "too much is being received at once; deliver it again", http.StatusServiceUnavailable)
	case errors.As(err, &tooLarge):
		http.Error(w, "the delivery is too large", http.StatusRequestEntityTooLarge)
	case invalid.Cause != nil:
		zerolog.Ctx(r.Context()).Warn().Err(invalid.Cause).Msg("refused a delivery")
		http.Error(w, "the delivery's signature or form is not valid", http.StatusBadRequest)
	default:
		zerolog.Ctx(r.Context()).Error().Err(err).Msg("could not keep a delivery")
		http.Error(w, "the delivery could not be kept; deliver it again", http.StatusInternalServerError)
	}
}

// deliveries turns events into jobs.
type deliveries struct{ s *Server }

func (deliveries) Handles() []string {
	return []string{"pull_request", "pull_request_review", "issue_comment", "merge_group", "push", "check_run", "check_suite", "installation", "installation_repositories"}
}

func (d deliveries) Handle(ctx context.Context, event, delivery string, payload []byte) error {
	parsed, err := gh.ParseWebHook(event, payload)
	if err != nil {
		return githubapp.ValidationError{EventType: event, DeliveryID: delivery, Cause: err}
	}
	if err := d.note(ctx, parsed); err != nil {
		return fmt.Errorf("keep the comment of delivery %s: %w", delivery, err)
	}
	for _, job := range jobsOf(parsed) {
		job.Delivery, job.Received = delivery, time.Now()
		if err := d.s.queue.Put(ctx, job); err != nil {
			return fmt.Errorf("keep the job of delivery %s: %w", delivery, err)
		}
		zerolog.Ctx(ctx).Info().Str("delivery", delivery).Str("kind", string(job.Kind)).Int64("installation", job.Installation).Str("repository", strings.Trim(job.Owner+"/"+job.Repo, "/")).Int("pull", job.Pull).Msg("kept a job")
	}
	return nil
}

// note keeps a new comment's digest: an edit within the second of its creation does
// not show in GitHub's times.
func (d deliveries) note(ctx context.Context, event any) error {
	e, ok := event.(*gh.IssueCommentEvent)
	if !ok || e.GetAction() != "created" || !e.GetIssue().IsPullRequest() || e.GetComment().GetUser().GetType() == "Bot" || e.GetRepo().GetID() == 0 || e.GetComment().GetID() == 0 {
		return nil
	}
	body := e.GetComment().GetBody()
	return d.s.cfg.Store.NoteComment(ctx, e.GetRepo().GetID(), e.GetIssue().GetNumber(), store.Comment{
		ID: e.GetComment().GetID(), Body: bodyDigest(body), Command: len(parseCommands(body)) > 0, NotedAt: d.s.cfg.Now(),
	})
}

// jobsOf says what an event makes dirty. The payload is a hint alone: whoever
// does the job reads everything again.
func jobsOf(event any) []queue.Job {
	switch e := event.(type) {
	case *gh.PullRequestEvent:
		switch e.GetAction() {
		case "opened", "reopened", "synchronize", "ready_for_review", "closed":
		case "edited":
			if e.GetChanges().GetBase() == nil {
				return nil // a title or a text; only another base branch matters
			}
		default:
			return nil
		}
		jobs := pullJobs(e.GetInstallation(), e.GetRepo(), e.GetNumber())
		for i := range jobs {
			jobs[i].Base = e.GetPullRequest().GetBase().GetRef()
		}
		return jobs
	case *gh.PullRequestReviewEvent:
		return byPerson(pullJobs(e.GetInstallation(), e.GetRepo(), e.GetPullRequest().GetNumber()))
	case *gh.IssueCommentEvent:
		// Bots are not heard, and this App's own comment shows the commands.
		if e.GetAction() != "created" || !e.GetIssue().IsPullRequest() || e.GetComment().GetUser().GetType() == "Bot" || !strings.Contains(strings.ToLower(e.GetComment().GetBody()), "/lockkeeper") {
			return nil
		}
		return byPerson(pullJobs(e.GetInstallation(), e.GetRepo(), e.GetIssue().GetNumber()))
	case *gh.MergeGroupEvent:
		if e.GetAction() != "checks_requested" {
			return nil
		}
		job, ok := jobOf(e.GetInstallation(), e.GetRepo())
		group := e.GetMergeGroup()
		job.Kind, job.SHA, job.Ref = queue.MergeGroup, group.GetHeadSHA(), group.GetHeadRef()
		job.Base = strings.TrimPrefix(group.GetBaseRef(), "refs/heads/")
		return only(job, ok && job.SHA != "" && job.Base != "")
	case *gh.PushEvent:
		branch, isBranch := strings.CutPrefix(e.GetRef(), "refs/heads/")
		if !isBranch || e.GetDeleted() || !touchesRules(e) {
			return nil
		}
		repo := e.GetRepo()
		job, ok := jobOf(e.GetInstallation(), &gh.Repository{ID: repo.ID, Name: repo.Name, Owner: &gh.User{Login: ownerLogin(repo)}})
		job.Kind, job.Ref = queue.Branch, branch
		return only(job, ok)
	case *gh.CheckRunEvent:
		if e.GetAction() != "rerequested" {
			return nil
		}
		job, ok := jobOf(e.GetInstallation(), e.GetRepo())
		job.Kind, job.Person, job.SHA = queue.Commit, true, e.GetCheckRun().GetHeadSHA()
		return only(job, ok && job.SHA != "")
	case *gh.CheckSuiteEvent:
		if e.GetAction() != "rerequested" {
			return nil
		}
		job, ok := jobOf(e.GetInstallation(), e.GetRepo())
		job.Kind, job.Person, job.SHA = queue.Commit, true, e.GetCheckSuite().GetHeadSHA()
		return only(job, ok && job.SHA != "")
	case *gh.InstallationEvent:
		return installationJob(e.GetInstallation())
	case *gh.InstallationRepositoriesEvent:
		return installationJob(e.GetInstallation())
	}
	return nil
}

func installationJob(installation *gh.Installation) []queue.Job {
	job := queue.Job{Kind: queue.Installation, Installation: installation.GetID(), Background: true}
	return only(job, job.Installation != 0)
}

// byPerson marks what somebody waits for the answer to.
func byPerson(jobs []queue.Job) []queue.Job {
	for i := range jobs {
		jobs[i].Person = true
	}
	return jobs
}

func pullJobs(installation *gh.Installation, repo *gh.Repository, number int) []queue.Job {
	job, ok := jobOf(installation, repo)
	job.Kind, job.Pull = queue.Pull, number
	return only(job, ok && number > 0)
}

func jobOf(installation *gh.Installation, repo *gh.Repository) (queue.Job, bool) {
	job := queue.Job{Installation: installation.GetID(), RepoID: repo.GetID(), Owner: repo.GetOwner().GetLogin(), Repo: repo.GetName()}
	return job, job.Installation != 0 && job.RepoID != 0 && job.Owner != "" && job.Repo != ""
}

func only(job queue.Job, ok bool) []queue.Job {
	if !ok {
		return nil
	}
	return []queue.Job{job}
}

// ownerLogin reads a push event's owner, who has a login or only a name.
func ownerLogin(repo *gh.PushEventRepository) *string {
	if login := repo.GetOwner().GetLogin(); login != "" {
		return &login
	}
	name := repo.GetOwner().GetName()
	return &name
}

// touchesRules reports whether a push may have changed .lockkeeper. The payload
// lists twenty commits at most; beyond that it may.
func touchesRules(e *gh.PushEvent) bool {
	if e.GetCreated() {
		return false // no pull request that is open goes to a branch that was not there
	}
	if e.GetForced() || len(e.Commits) >= 20 {
		return true
	}
	for _, c := range e.Commits {
		for _, files := range [][]string{c.Added, c.Modified, c.Removed} {
			for _, f := range files {
				if strings.HasPrefix(f, ".lockkeeper/") {
					return true
				}
			}
		}
	}
	return false
}
