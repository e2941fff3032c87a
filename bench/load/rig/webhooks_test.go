package rig_test

import (
	"context"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/bench/load/rig"
	"github.com/lockkeeper/lockkeeper/github/githubtest"
)

// TestWebhooks: deliveries come twice, late and in another order, or never.
func TestWebhooks(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		w := atRest(t, rig.Config{Database: database})
		fate := func(decide func() githubtest.Plan) {
			w.GitHub.Intercept(func(githubtest.Delivery) githubtest.Plan { return decide() })
		}

		fate(func() githubtest.Plan { return githubtest.Plan(w.rand.IntN(2) * int(githubtest.Twice)) })
		w.stream(20)
		w.right()

		// Every third comes late, after those that it was about, and shuffled.
		fate(func() githubtest.Plan { return githubtest.Plan(w.rand.IntN(3) / 2 * int(githubtest.Hold)) })
		for len(w.GitHub.Held()) < 12 {
			w.step()
		}
		fate(func() githubtest.Plan { return githubtest.Deliver })
		held := w.GitHub.Held()
		w.rand.Shuffle(len(held), func(i, j int) { held[i], held[j] = held[j], held[i] })
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for _, d := range held {
			w.GitHub.Release(d.ID)
			must(t, w.GitHub.Flush(ctx))
		}
		w.right()

		// What GitHub never tells is found by the periodic look alone. Comments are no
		// part of that: nobody answers what nobody heard of, until something else happens.
		asked := w.asked
		fate(func() githubtest.Plan { return githubtest.Lose })
		for range 20 {
			w.step()
		}
		w.asked = asked
		must(t, w.Reconcile(ctx))
		must(t, eventually(ctx, func() (bool, error) {
			for i := range w.pulls {
				if run := w.Newest(w.pulls[i]); run.Status != "completed" {
					return false, nil
				}
			}
			return true, nil
		}))
		fate(func() githubtest.Plan { return githubtest.Deliver })
		w.right()
	})
}
