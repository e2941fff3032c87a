package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/store"
)

// formulas are texts that a spreadsheet would run or look up.
var formulas = []string{
	`=HYPERLINK("https://example.invalid")`, "+1+1", "-2+3", "@SUM(A1)", "\t=1+1", "\r=1+1", "  =1+1", "|calc", "%0A=1", "\u00a0=1", "\ufeff=1", "\uff1d1+1",
}

// audited is a database with a sign-off for each formula, and one change of a list.
func audited(t *testing.T) (configFile string) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "lockkeeper.db")
	db, err := store.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	noon := time.Date(2026, 5, 22, 12, 0, 0, 0, time.UTC)
	finding := lockkeeper.Sum([]byte("finding"))
	if err := db.PutRepository(t.Context(), store.Repository{ID: 7, Owner: "acme", Name: "widget", Installation: 1}); err != nil {
		t.Fatal(err)
	}
	if err := db.PutFindings(t.Context(), 7, []store.Finding{{Digest: finding, Rule: "build-code-added", Package: "pkg:cargo/ring@0.17.8"}}); err != nil {
		t.Fatal(err)
	}
	for _, reason := range formulas {
		said := policy.Statement{Finding: finding, Verdict: policy.SignOff, By: 52, Login: "alice", Reason: reason, Where: "https://example.invalid/1", At: noon}
		if _, err := db.AddStatement(t.Context(), 7, 12, said, "comment:"+reason); err != nil {
			t.Fatal(err)
		}
	}
	change := store.Event{RepoID: 8, Kind: store.AuditAllowlistAdded, Package: "cargo/ring", Detail: "[[allow]]\npackage = \"cargo/ring\"\n", Where: "https://example.invalid/c", At: noon.AddDate(0, 0, 3)}
	if err := db.AddEvent(t.Context(), change, "commit:1"); err != nil {
		t.Fatal(err)
	}
	configFile = filepath.Join(dir, "server.toml")
	if err := os.WriteFile(configFile, []byte("[store]\npath = "+strings.ReplaceAll("'"+path+"'", "\\", "/")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return configFile
}

func export(t *testing.T, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := run(context.Background(), append([]string{"audit", "export"}, args...), nil, strings.NewReader(""), &out, &errs); code != exitOK {
		t.Fatalf("exit code %d: %s", code, &errs)
	}
	return out.String()
}

func TestAuditExportJSONLines(t *testing.T) {
	config := audited(t)
	lines := strings.Split(strings.TrimSuffix(export(t, "--config", config), "\n"), "\n")
	if len(lines) != len(formulas)+1 {
		t.Fatalf("%d lines", len(lines))
	}
	// The names are a promise.
	const want = `{"id":1,"time":"2026-05-22T12:00:00.000000Z","kind":"sign-off","repository":"acme/widget","repository_id":7,"pull":12,"by":"alice","by_id":52,` +
		`"package":"pkg:cargo/ring@0.17.8","rule":"build-code-added","finding":"sha256:`
	if !strings.HasPrefix(lines[0], want) {
		t.Errorf("the first line is\n%s\nwant\n%s", lines[0], want)
	}
	for i, line := range lines[:len(formulas)] {
		var l auditLine
		if err := json.Unmarshal([]byte(line), &l); err != nil || l.Reason != formulas[i] {
			t.Errorf("%q: %v, reason %q", line, err, l.Reason)
		}
	}
	if got := export(t, "--config", config, "--since", "2026-05-23"); strings.Count(got, "\n") != 1 || !strings.Contains(got, "allowlist-added") {
		t.Errorf("since a day later:\n%s", got)
	}
	if got := export(t, "--config", config, "--repository", "acme/widget"); strings.Count(got, "\n") != len(formulas) || strings.Contains(got, "allowlist-added") {
		t.Errorf("of one repository:\n%s", got)
	}
}

func TestPromise7AuditTablesAreInert(t *testing.T) {
	rows, err := csv.NewReader(strings.NewReader(export(t, "--config", audited(t), "--format", "csv"))).ReadAll()
	if err != nil || len(rows) != len(formulas)+2 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	if diff := cmp.Diff(auditFields, rows[0]); diff != "" {
		t.Errorf("head (-want +got):\n%s", diff)
	}
	for i, row := range rows[1 : len(formulas)+1] {
		reason := row[11]
		// encoding/csv reads a lone \r as a blank of its own; what counts is what comes first.
		if !strings.HasPrefix(reason, "'") {
			t.Errorf("%q is exported as %q", formulas[i], reason)
		}
		if row[3] != "acme/widget" || row[7] != "52" || row[8] != "pkg:cargo/ring@0.17.8" {
			t.Errorf("an ordinary cell is changed: %q", row)
		}
	}
}

func TestAuditExportUsage(t *testing.T) {
	var out, errs bytes.Buffer
	if code := run(context.Background(), []string{"audit", "export", "--since", "yesterday"}, nil, strings.NewReader(""), &out, &errs); code != exitUsage || !strings.Contains(errs.String(), "2026-05-22") {
		t.Errorf("exit code %d: %s", code, &errs)
	}
}
