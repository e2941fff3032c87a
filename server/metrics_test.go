package server_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/github/githubtest"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/scan"
	"github.com/lockkeeper/lockkeeper/server"
	"github.com/lockkeeper/lockkeeper/stage"
	"github.com/lockkeeper/lockkeeper/store"
)

// scrape is what Prometheus reads of the world's server.
func (w *world) scrape() string {
	w.t.Helper()
	out := httptest.NewRecorder()
	w.metrics.Handler().ServeHTTP(out, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if out.Code != http.StatusOK {
		w.t.Fatalf("scrape: %d %s", out.Code, out.Body)
	}
	return out.Body.String()
}

// TestMetrics: one pull request from its delivery to its sign-off, as an operator
// sees it.
func TestMetrics(t *testing.T) {
	w := newWorld(t, "[reviewers]\nusers = ['reviewer']\n")
	p := w.open(map[string]string{"Cargo.lock": w.lock("quiet@1.0.0", "grabber@2.0.0")})
	w.want(p, "action_required", "before")
	if waits := w.scrape(); !strings.Contains(waits, `lockkeeper_open_pull_requests{conclusion="action_required"} 1`) {
		t.Errorf("nobody waits:\n%s", waits)
	}
	p.Comment("reviewer", `/lockkeeper sign-off all "read it"`)
	w.want(p, "success", "after")
	resp, err := http.Post(w.hook, "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	text := w.scrape()
	for _, pattern := range []string{
		`lockkeeper_deliveries_total{event="pull_request",result="kept"} [1-9]`,
		`lockkeeper_deliveries_total{event="other",result="refused"} 1`,
		`lockkeeper_job_runs_total{kind="pull",result="done"} [1-9]`,
		`lockkeeper_job_latency_seconds_count{kind="pull"} [1-9]`,
		`lockkeeper_scans_total{conclusion="action_required"} 1`,
		`lockkeeper_scans_total{conclusion="success"} [1-9]`,
		`lockkeeper_findings_total{rule="build-code-added",state="open"} 1`,
		`lockkeeper_sign_off_wait_seconds_count [1-9]`,
		`lockkeeper_github_requests_total{client="installation",code="2xx",operation="check-runs"} [1-9]`,
		`lockkeeper_github_requests_total{client="app",code="2xx",operation="access_tokens"} 1`,
		`lockkeeper_github_installations{quota="over_half"} 1`,
		`lockkeeper_registry_requests_total{code="2xx",registry="crates.io"} [1-9]`,
		`lockkeeper_registry_budget_wait_seconds_count{registry="crates.io"} [1-9]`,
		`lockkeeper_cache_lookups_total{cache="facts",result="miss"} [1-9]`,
		`lockkeeper_cache_lookups_total{cache="facts",result="hit"} [1-9]`,
		`lockkeeper_stage_duration_seconds_count{stage="scan"} [1-9]`,
		`lockkeeper_stage_duration_seconds_count{stage="analyse"} [1-9]`,
		`lockkeeper_stage_duration_seconds_count{stage="write"} [1-9]`,
		`lockkeeper_queue_jobs{state="waiting"} \d`,
		`lockkeeper_owners_packages{state="in_use"} [1-9]`,
	} {
		if !regexp.MustCompile(`(?m)^` + pattern).MatchString(text) {
			t.Errorf("no line %s", pattern)
		}
	}
	for _, private := range []string{"owner/app", "grabber", "reviewer", secret} {
		if strings.Contains(text, private) {
			t.Errorf("metrics show %q", private)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}

// TestLogsHangTogether: from a delivery's id, which GitHub shows, to the lines of
// the jobs that it led to, those included that were made by other jobs, and back.
func TestLogsHangTogether(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(*testing.T) *world
		want []string // kinds of jobs
	}{
		{"onboarding", func(t *testing.T) *world {
			w := welcoming(t, "", policy.Changes)
			w.until("onboarding", func() bool { return len(w.own()) > 0 })
			w.open(map[string]string{"Cargo.lock": w.lock("quiet@1.0.0", "builder@1.0.0")})
			w.settle()
			return w
		}, []string{"installation", "onboard", "pull"}},
		{"recording", func(t *testing.T) *world {
			w := newWorld(t, somePolicy)
			w.signed("grabber@2.0.0", "quiet@1.0.0")
			w.until("the record", func() bool { return len(w.own()) > 0 })
			return w
		}, []string{"pull", "record"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := test.do(t)
			type line struct {
				Message, Delivery, Scan, Repository, Kind string
				Installation                              int64
			}
			kept, ended := map[string]bool{}, map[string]bool{}
			for _, text := range bytes.Split([]byte(w.log.String()), []byte("\n")) {
				var l line
				if json.Unmarshal(text, &l) != nil {
					continue
				}
				if l.Message == "kept a job" {
					kept[l.Delivery] = true
				}
				if l.Message != "job ended" || l.Kind == "sweep" { // of which nobody told
					continue
				}
				ended[l.Kind] = true
				of := "owner/app"
				if l.Kind == "installation" { // is about no repository
					of = ""
				}
				if !strings.HasPrefix(l.Scan, l.Kind+":") || l.Repository != of || !kept[l.Delivery] || l.Installation != w.repo.InstallationID() {
					t.Errorf("a job ended that no delivery led to: %+v", l)
				}
			}
			for _, kind := range test.want {
				if !ended[kind] {
					t.Errorf("no job of kind %s ended, by the log:\n%s", kind, w.log)
				}
			}
		})
	}
}

// TestReadiness: what keeps deliveries away from a process, and what must not.
func TestReadiness(t *testing.T) {
	status := func(w *world) int {
		t.Helper()
		resp, err := http.Get(strings.TrimSuffix(w.hook, "/webhook") + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	wait := func(w *world, text string) {
		t.Helper()
		deadline := time.After(30 * time.Second)
		ticker := time.NewTicker(5 * time.Millisecond)
		defer ticker.Stop()
		for !strings.Contains(w.log.String()+w.scrape(), text) {
			select {
			case <-deadline:
				t.Fatalf("%q is not said:\n%s", text, w.log)
			case <-ticker.C:
			}
		}
	}
	t.Run("as it should be", func(t *testing.T) {
		w := newWorld(t, "")
		if got := status(w); got != http.StatusOK {
			t.Errorf("%d\n%s", got, w.log)
		}
	})
	t.Run("GitHub is down", func(t *testing.T) {
		w := newWorld(t, "", func(w *world) {
			w.github.AddFault(githubtest.Fault{Path: "/app", Status: http.StatusBadGateway})
		})
		wait(w, "GitHub could not be asked about this App")
		if got := status(w); got != http.StatusOK {
			t.Errorf("deliveries would be lost: %d", got)
		}
	})
	t.Run("a key that GitHub does not know", func(t *testing.T) {
		w := newWorld(t, "", func(w *world) {
			w.github.AddFault(githubtest.Fault{Path: "/app", Status: http.StatusUnauthorized})
		})
		wait(w, "GitHub does not know this App by its key")
		if got := status(w); got != http.StatusServiceUnavailable {
			t.Errorf("%d, want a rollout of it to stop", got)
		}
	})
	t.Run("before the start, and without a database", func(t *testing.T) {
		w := newWorld(t, "")
		db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "db"))
		must(t, err)
		s, err := server.New(t.Context(), server.Config{WebhookSecret: secret, App: w.app, Store: db, Scanner: &scan.Scanner{}, Log: zerolog.Nop()})
		must(t, err)
		if err := s.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "queue") {
			t.Errorf("before the start: %v", err)
		}
		must(t, db.Close())
		if err := s.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "database") {
			t.Errorf("without a database: %v", err)
		}
	})
}

// TestDashboardAndAlerts: what the dashboard and the alert rules ask for is there,
// metrics and values of labels both.
func TestDashboardAndAlerts(t *testing.T) {
	w := newWorld(t, "[reviewers]\nusers = ['reviewer']\n")
	p := w.open(map[string]string{"Cargo.lock": w.lock("quiet@1.0.0", "grabber@2.0.0")})
	w.want(p, "action_required", "before")
	p.Comment("reviewer", `/lockkeeper sign-off all "read it"`)
	w.want(p, "success", "after")
	ctx := stage.With(t.Context(), w.metrics)
	_, end := stage.Begin(ctx, stage.Scan)
	end(errors.New("no"))
	text := w.scrape()

	labels := map[string][]string{} // of metrics that are asked for by a label's value, its values
	label := regexp.MustCompile(`(\w+)(=~|=)"([^"]+)"`)
	asked := regexp.MustCompile(`(lockkeeper_\w+|process_\w+|go_\w+)(?:\{([^}]*)\})?`)
	for _, file := range []string{"../deploy/dashboard.json", "../deploy/alerts.yaml"} {
		data, err := os.ReadFile(file)
		must(t, err)
		found := asked.FindAllStringSubmatch(strings.ReplaceAll(string(data), `\"`, `"`), -1)
		if len(found) < 20 {
			t.Fatalf("%s asks for %d metrics, more were expected", file, len(found))
		}
		for _, m := range found {
			if !regexp.MustCompile(`(?m)^` + m[1] + `[ {]`).MatchString(text) {
				t.Errorf("%s asks for %s, which is not there", file, m[1])
			}
			for _, l := range label.FindAllStringSubmatch(m[2], -1) {
				if l[1] != "job" {
					labels[m[1]+"/"+l[1]] = append(labels[m[1]+"/"+l[1]], strings.Split(l[3], "|")...)
				}
			}
		}
	}
	// Values that this one pull request does not bring about: read from the code.
	source := ""
	for _, file := range []string{"../metrics/metrics.go", "../metrics/traffic.go", "../policy/evaluate.go", "../policy/policy.go", "../queue/queue.go"} {
		data, err := os.ReadFile(file)
		must(t, err)
		source += string(data)
	}
	source += `"5xx" "403" "429"`
	for where, values := range labels {
		for _, value := range values {
			if !strings.Contains(source, `"`+value+`"`) {
				t.Errorf("%s is never %q", where, value)
			}
		}
	}
	if len(labels) < 5 {
		t.Errorf("only these are asked for by value: %v", labels)
	}
}
