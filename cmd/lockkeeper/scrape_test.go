package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/lockkeeper/lockkeeper/store/storetest/pgtest"
)

// TestScrape: all that Prometheus reads of a server at work passes its own linter, and
// what documents, dashboard and alerts name is there, on both databases.
func TestScrape(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) { testScrape(t, differently{}) })
	t.Run("PostgreSQL", func(t *testing.T) {
		testScrape(t, differently{env: []string{"LOCKKEEPER_STORE_URL=" + pgtest.New(t)}})
	})
}

func testScrape(t *testing.T, how differently) {
	// Advisories have metrics only where there are some.
	how.config += "[advisories]\ndir = '" + t.TempDir() + "'\n"
	e := newEnterprise(t)
	registries := serveGrabber(t)
	served := serveAgainst(t, e, registries, how)
	repo, pull := e.grabs(t, registries)
	concludes(t, served, repo, pull, "action_required")
	pull.Comment("reviewer", `/lockkeeper sign-off all "read it"`)
	concludes(t, served, repo, pull, "success")
	text := ""
	eventually(t, func() bool {
		text = served.fetch(t, "/metrics")
		return strings.Contains(text, "lockkeeper_sign_off_wait_seconds_count 1") && strings.Contains(text, `lockkeeper_job_runs_total{kind="pull",result="done"}`)
	}, func() string { return "the sign-off is not counted:\n" + text })

	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}

	// Families have a type, but those of which no child was made yet.
	var there []string
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (\w+)`).FindAllStringSubmatch(text, -1) {
		there = append(there, m[1])
	}
	const rare = "lockkeeper_stage_errors_total" // nothing went wrong
	named := map[string][]string{}
	for _, file := range []string{"../../docs/operating.md", "../../deploy/dashboard.json", "../../deploy/alerts.yaml"} {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range regexp.MustCompile(`\b(lockkeeper|process|go)_[a-z_]+`).FindAllString(string(data), -1) {
			name = regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(name, "")
			named[file] = append(named[file], name)
			if !slices.Contains(there, name) && name != rare {
				t.Errorf("%s names %s, which is not there", file, name)
			}
		}
		if len(named[file]) < 20 {
			t.Errorf("%s names only %q", file, named[file])
		}
	}
	for _, name := range there {
		if strings.HasPrefix(name, "lockkeeper_") && !slices.Contains(named["../../docs/operating.md"], name) {
			t.Errorf("%s is not explained in docs/operating.md", name)
		}
	}
	if len(there) < 40 {
		t.Errorf("only %d families are there: %q", len(there), there)
	}
}
