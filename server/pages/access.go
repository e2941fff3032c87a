package pages

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/lockkeeper/lockkeeper/github"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/store"
)

// place is a repository that the visitor may read.
type place struct {
	store.Repository
	client *github.Client
	repo   github.Repo
	person policy.Person
}

// rightsLast is how long an answer about somebody's rights is believed.
const rightsLast = time.Minute

// maxRights bounds how many answers are kept.
const maxRights = 20_000

// rights remembers who may read what.
type rights struct {
	now func() time.Time

	mu    sync.Mutex
	known map[rightsKey]rightsAnswer // guarded by mu
	asked map[int64]*rate.Limiter    // guarded by mu; by user
}

type rightsKey struct {
	repo string // lower-case owner/name
	user int64
}

type rightsAnswer struct {
	place *place // nil: may not read it
	until time.Time
}

// Everybody on GitHub can sign in, and each question about a repository costs
// requests that the scans need, too.
const (
	questionsAtOnce    = 3 * maxEntered
	questionsPerSecond = 2
)

func newRights(now func() time.Time) *rights {
	return &rights{now: now, known: map[rightsKey]rightsAnswer{}, asked: map[int64]*rate.Limiter{}}
}

// mayAsk reports whether one more question of somebody may go to GitHub.
func (r *rights) mayAsk(user int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	limit := r.asked[user]
	if limit == nil {
		if len(r.asked) >= maxRights {
			clear(r.asked)
		}
		limit = rate.NewLimiter(questionsPerSecond, questionsAtOnce)
		r.asked[user] = limit
	}
	return limit.AllowN(r.now(), 1)
}

func (r *rights) get(key rightsKey) (rightsAnswer, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	answer, ok := r.known[key]
	return answer, ok && r.now().Before(answer.until)
}

func (r *rights) put(key rightsKey, found *place) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	if len(r.known) >= maxRights {
		for k, a := range r.known {
			if !now.Before(a.until) {
				delete(r.known, k)
			}
		}
		if len(r.known) >= maxRights {
			clear(r.known)
		}
	}
	r.known[key] = rightsAnswer{found, now.Add(rightsLast)}
}

// enter gives the repository that a request is about, or errNotFound where there is
// none that the visitor may read. fresh asks GitHub whatever is remembered.
func (p *Pages) enter(v *visit, fresh bool) (*place, error) {
	return p.access(v.r.Context(), v.session.account(), v.r.PathValue("owner"), v.r.PathValue("repo"), fresh)
}

func (p *Pages) access(ctx context.Context, who github.Account, owner, name string, fresh bool) (*place, error) {
	key := rightsKey{strings.ToLower(owner + "/" + name), who.ID}
	answer, known := p.rights.get(key)
	if !known || fresh {
		if !p.rights.mayAsk(who.ID) {
			return nil, errTooMany
		}
		found, err := p.lookUp(ctx, who, owner, name)
		if err != nil && !errors.Is(err, errNotFound) {
			return nil, err
		}
		answer.place = found
		p.rights.put(key, found)
	}
	if answer.place == nil {
		return nil, errNotFound
	}
	return answer.place, nil
}

// lookUp asks GitHub. One that the App is not installed on costs a request as well,
// and nobody can tell it from one that they may not read.
func (p *Pages) lookUp(ctx context.Context, who github.Account, owner, name string) (*place, error) {
	known, found, err := p.cfg.Store.RepositoryNamed(ctx, owner, name)
	if err != nil {
		return nil, err
	}
	if !found {
		if known.Installation, err = p.cfg.App.InstallationFor(ctx, owner, name); err != nil {
			return nil, hidden(err)
		}
	}
	client, err := p.cfg.App.Installation(known.Installation)
	if err != nil {
		return nil, hidden(err)
	}
	// The name may be another repository's by now, whose readers are not those of
	// what was scanned here.
	repo, err := client.Repo(ctx, owner, name)
	if err != nil {
		return nil, hidden(err)
	}
	person, err := client.Person(ctx, repo, who, nil)
	if err != nil {
		return nil, hidden(err)
	}
	if person.Bot || person.Permission == policy.None || person.Permission == "" {
		return nil, errNotFound
	}
	if repo.ID != known.ID {
		installation := known.Installation
		if known, found, err = p.cfg.Store.Repository(ctx, repo.ID); err != nil {
			return nil, err
		}
		if !found {
			known = store.Repository{ID: repo.ID, Installation: installation}
		}
	}
	known.Owner, known.Name = repo.Owner, repo.Name
	return &place{Repository: known, client: client, repo: repo, person: person}, nil
}

// hidden makes of what GitHub will not tell us that it is not there. What may pass
// stays what it is.
func hidden(err error) error {
	var invalid *github.Invalid
	var status *github.StatusError
	switch {
	case errors.Is(err, github.ErrNotFound), errors.As(err, &invalid):
		return errNotFound
	case errors.As(err, &status) && (status.Status == http.StatusForbidden || status.Status == http.StatusUnauthorized || status.Status == http.StatusUnavailableForLegalReasons):
		return errNotFound // the installation is suspended, or may not see it
	}
	return err
}
