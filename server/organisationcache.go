package server

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/lockkeeper/lockkeeper/policy"
)

// organisationKept is how long an organisation's policy is taken for what it was, as
// long as no push told of a change.
const organisationKept = 30 * time.Second

// maxOrganisations bounds how many are kept. With more, all are forgotten at once.
const maxOrganisations = 2000

// organisations keeps the policies that were read last. A push to one is noted in the
// database before anything is scanned because of it, so that all processes read anew.
type organisations struct {
	mu   sync.Mutex
	kept map[organisationOf]keptOrganisation // guarded by mu
}

// organisationOf: whether a policy can be seen depends on the installation.
type organisationOf struct {
	installation int64
	owner        string
}

type keptOrganisation struct {
	policy *policy.Policy // nil: there is none
	change string
	at     time.Time
}

func newOrganisations() *organisations {
	return &organisations{kept: map[organisationOf]keptOrganisation{}}
}

func (o *organisations) find(of organisationOf, change string, now time.Time) (*policy.Policy, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	k, ok := o.kept[of]
	age := now.Sub(k.at)
	return k.policy, ok && k.change == change && age >= 0 && age < organisationKept
}

func (o *organisations) keep(of organisationOf, k keptOrganisation) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.kept) >= maxOrganisations {
		clear(o.kept)
	}
	o.kept[of] = k
}

// organisation is the policy of the repository's owner, nil where there is none. It is
// one of organisationKept ago at the oldest.
func (w *worker) organisation(ctx context.Context) (*policy.Policy, error) {
	change, _, err := w.cfg.Store.Fact(ctx, w.organisationChangeKey())
	if err != nil {
		return nil, err
	}
	of := organisationOf{w.job.Installation, strings.ToLower(w.repo.Owner)}
	now := w.cfg.Now()
	if p, ok := w.organisations.find(of, string(change), now); ok {
		return p, nil
	}
	p, err := w.readOrganisation(ctx)
	if err == nil {
		w.organisations.keep(of, keptOrganisation{policy: p, change: string(change), at: now})
	}
	return p, err
}

// noteOrganisationChange has all processes read the policy anew.
func (w *worker) noteOrganisationChange(ctx context.Context) error {
	return w.cfg.Store.PutFact(ctx, w.organisationChangeKey(), []byte(w.externalID(subject{})))
}

func (w *worker) organisationChangeKey() string {
	return "organisation policy change 1 " + strings.ToLower(w.repo.Owner)
}
