package server

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/queue"
)

// TestEveryKindIsNamedInLogs: whatever a run is about, its lines say which one it is.
func TestEveryKindIsNamedInLogs(t *testing.T) {
	for scan, job := range map[string]queue.Job{
		"pull:42:7/3":         {Kind: queue.Pull, Pull: 7},
		"branch:42:main/3":    {Kind: queue.Branch, Ref: "main"},
		"record:42:main/3":    {Kind: queue.Record, Ref: "main"},
		"merge-group:42:ab/3": {Kind: queue.MergeGroup, SHA: "ab", Ref: "gh-readonly-queue/main", Base: "main"},
		"commit:42:ab/3":      {Kind: queue.Commit, SHA: "ab"},
		"repository:42:all/3": {Kind: queue.Repository},
		"sweep:42:all/3":      {Kind: queue.Sweep},
		"onboard:42:/3":       {Kind: queue.Onboard},
		"installation:5/3":    {Kind: queue.Installation},
	} {
		job.Installation, job.Delivery = 5, "d-1"
		want := map[string]any{"level": "info", "scan": scan, "kind": string(job.Kind), "installation": 5.0, "repository": "", "delivery": "d-1"}
		if job.Kind != queue.Installation {
			job.RepoID, job.Owner, job.Repo = 42, "acme", "widget"
			want["repository"] = "acme/widget"
		}
		if job.Pull != 0 {
			want["pull"] = 7.0
		}
		var out bytes.Buffer
		log := jobLog(zerolog.New(&out), job, queue.Attempt{Generation: 3})
		log.Info().Send()
		var got map[string]any
		if err := json.Unmarshal(out.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", job.Kind, diff)
		}
	}
}
