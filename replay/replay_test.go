package replay_test

import (
	"context"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/buildcode"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/registry"
	"github.com/lockkeeper/lockkeeper/replay"
	"github.com/lockkeeper/lockkeeper/scan"
)

// What an owner accepted once is not asked again, by the entry or by the sign-off;
// grave code that changed is.
func TestOwner(t *testing.T) {
	day := time.Date(2024, 2, 1, 12, 0, 0, 0, time.UTC)
	code := func(text string, can ...buildcode.Capability) *scan.Result {
		return &scan.Result{Findings: []policy.Finding{
			{
				Rule: policy.BuildCodeAdded, Lockfile: "Cargo.lock", Package: lockkeeper.Package{Ecosystem: lockkeeper.Cargo, Name: "a", Version: "1.0.0"},
				Code: &policy.Code{Kinds: []buildcode.Kind{buildcode.BuildScript}, Digest: lockkeeper.Sum([]byte(text)), Capabilities: can},
			},
			{Rule: policy.GuardChanged, Lockfile: ".cargo/config.toml", Subject: "x"},
		}}
	}
	var o replay.Owner
	for _, step := range []struct {
		name string
		in   *scan.Result
		open int
	}{
		{"new", code("one", buildcode.Compile), 2},
		{"the same again", code("one", buildcode.Compile), 0},
		{"other code that can do the same", code("two", buildcode.Compile), 0},
		{"code that can do more", code("three", buildcode.Compile, buildcode.Network), 1},
		{"other grave code", code("four", buildcode.Network), 1},
	} {
		open, _, err := o.Judge(step.in, day)
		if err != nil {
			t.Fatal(err)
		}
		if len(open) != step.open {
			t.Errorf("%s: %d open; want %d", step.name, len(open), step.open)
		}
		for _, outcome := range open {
			if _, err := o.Accept(outcome); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n, err := o.Entries(); err != nil || n != 3 {
		t.Errorf("%d entries, %v; want 3", n, err)
	}
}

type client struct {
	registry.Client
	asked int
}

func (c *client) Project(context.Context, string) (*registry.Project, error) {
	c.asked++
	return &registry.Project{Releases: []registry.Release{{Yanked: true, Artifacts: []registry.Artifact{{Yanked: true}}}}}, nil
}

// Yanks of today say nothing of the past.
func TestSettled(t *testing.T) {
	for _, withYanks := range []bool{false, true} {
		inner := &client{}
		s := &replay.Settled{Client: inner, WithYanks: withYanks}
		for range 2 {
			p, err := s.Project(t.Context(), "a")
			if err != nil || p.Releases[0].Yanked != withYanks || p.Releases[0].Artifacts[0].Yanked != withYanks {
				t.Errorf("with yanks %t: %+v, %v", withYanks, p, err)
			}
		}
		if inner.asked != 1 {
			t.Errorf("asked %d times", inner.asked)
		}
	}
}
