package report

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/docs/schematest"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/scan"
)

// The published schema says what JSON writes, field by field.
func TestTheSchemaOfResultsIsWhatIsWritten(t *testing.T) {
	schematest.Drift(t, "result", reflect.TypeFor[jsonReport](), "json")
	schema := schematest.Compile(t, "result")
	for name, r := range reports() {
		var b bytes.Buffer
		if err := JSON(&b, r); err != nil {
			t.Fatal(err)
		}
		validate(t, schema, name, b.Bytes())
	}
	golden, err := os.ReadFile("testdata/report.json")
	if err != nil {
		t.Fatal(err)
	}
	validate(t, schema, "testdata/report.json", golden)
	for _, wrong := range []string{`{}`, strings.Replace(string(golden), `"schema": 1`, `"schema": 2`, 1), strings.Replace(string(golden), `"action_required"`, `"maybe"`, 1)} {
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(wrong))
		if err != nil {
			t.Fatal(err)
		}
		if schema.Validate(doc) == nil {
			t.Errorf("the schema takes %.60s", wrong)
		}
	}
}

// reports of every kind that there are.
func reports() map[string]*Report {
	return map[string]*Report{
		"every state": example(),
		"an audit":    audited(),
		"nothing":     {Scan: &scan.Result{Base: "", Head: "work tree"}, Decision: policy.Decision{Conclusion: policy.Neutral}},
	}
}

func validate(t *testing.T, schema *jsonschema.Schema, name string, data []byte) {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if err := schema.Validate(doc); err != nil {
		t.Errorf("%s: %v", name, err)
	}
}

// SARIF is valid by the standard's own schema, and within what GitHub takes
// ("SARIF support for code scanning").
func TestSARIF(t *testing.T) {
	data, err := os.ReadFile("testdata/schema/sarif-schema-2.1.0.json") // OASIS, errata 01
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("sarif.json", doc); err != nil {
		t.Fatal(err)
	}
	schema := c.MustCompile("sarif.json")
	all := reports()
	all["too many"] = crowd(maxResults + 10)
	for name, r := range all {
		var b bytes.Buffer
		if err := SARIF(&b, r, "1.2.3"); err != nil {
			t.Fatal(err)
		}
		validate(t, schema, name, b.Bytes())
		var log sarifLog
		if err := json.Unmarshal(b.Bytes(), &log); err != nil {
			t.Fatal(err)
		}
		if b.Len() > 10<<20 {
			t.Errorf("%s: %d bytes", name, b.Len())
		}
		if len(log.Runs) != 1 { // GitHub takes 20, each with 25,000 results
			t.Errorf("%s: %d runs", name, len(log.Runs))
		}
		withinGitHub(t, name, log.Runs[0])
	}
}

func withinGitHub(t *testing.T, name string, run sarifRun) {
	t.Helper()
	if n := len(run.Results); n > 5000 {
		t.Errorf("%s: %d results", name, n)
	}
	for _, rule := range run.Tool.Driver.Rules {
		for what, text := range map[string]string{"short": rule.Short.Text, "full": rule.Full.Text} {
			if n := utf8.RuneCountInString(text); n == 0 || n > 1024 {
				t.Errorf("%s: %s description of %s has %d characters", name, what, rule.ID, n)
			}
		}
		if len(rule.ID) > 255 || rule.Help.Text == "" || !strings.Contains(rule.Help.Markdown, "## What to do") || strings.Contains(rule.Help.Markdown, "](../") || len(rule.Properties.Tags) > 20 {
			t.Errorf("%s: rule %s is not as GitHub wants it", name, rule.ID)
		}
	}
	seen := map[string]bool{}
	for _, result := range run.Results {
		if len(result.Locations) != 1 { // GitHub takes 1,000 and shows 100
			t.Fatalf("%s: %d locations", name, len(result.Locations))
		}
		place := result.Locations[0].Physical
		if strings.HasPrefix(place.Artifact.URI, "/") || strings.ContainsAny(place.Artifact.URI, " \\") || place.Region.StartLine < 1 || result.Message.Text == "" {
			t.Errorf("%s: a result is at %+v: %q", name, place, result.Message.Text)
		}
		if run.Tool.Driver.Rules[result.RuleIndex].ID != result.RuleID {
			t.Errorf("%s: rule %s has index %d", name, result.RuleID, result.RuleIndex)
		}
		id := result.Fingerprints["primaryLocationLineHash"]
		if key := result.RuleID + " " + id; id == "" || seen[key] && name == "every state" {
			t.Errorf("%s: two results are one alert: %s", name, key)
		} else {
			seen[key] = true
		}
	}
}

// crowd is a report with n open findings.
func crowd(n int) *Report {
	r := example()
	open := r.Decision.Outcomes[0]
	r.Decision.Outcomes = nil
	for i := range n {
		o := open
		o.Finding.Package = crate("crate", strings.Repeat("1", i%9+1))
		o.Finding.Lockfile, o.Finding.Line = "a dir/ü%.lock", i
		o.Finding.Evidence = []string{strings.Repeat("[link](1) \x1b[31m ", 200)}
		o.Digest = lockkeeper.Sum([]byte{byte(i), byte(i >> 8)})
		r.Decision.Outcomes = append(r.Decision.Outcomes, o)
	}
	return r
}

// Links that a package writes into its text are none, and escape sequences are
// visible.
func TestPromise7SARIFIsInert(t *testing.T) {
	var b bytes.Buffer
	if err := SARIF(&b, crowd(1), ""); err != nil {
		t.Fatal(err)
	}
	if _, results, _ := strings.Cut(b.String(), `"results"`); strings.Contains(results, "](") || strings.Contains(results, `\u001b`) {
		t.Errorf("a link or an escape sequence got through:\n%.2000s", results)
	}
}

// Alerts of what is settled are closed: nothing is said of them any more.
// What is cut of a huge result are notes, never what holds the change.
func TestSARIFKeepsTheWorst(t *testing.T) {
	r := crowd(maxResults - 1)
	for i := range 30_000 {
		f := policy.Finding{Rule: policy.ReleaseTooNew, Package: crate("crate", strings.Repeat("2", i%9+1)), Lockfile: "Cargo.lock", Line: i}
		r.Decision.Outcomes = append(r.Decision.Outcomes, policy.Outcome{Finding: f, Digest: f.Digest(), State: policy.Warned})
	}
	var b bytes.Buffer
	if err := SARIF(&b, r, "1.2.3"); err != nil {
		t.Fatal(err)
	}
	var log sarifLog
	if err := json.Unmarshal(b.Bytes(), &log); err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, result := range log.Runs[0].Results {
		count[result.Level]++
	}
	if count["error"] != maxResults-1 || count["note"] != 1 {
		t.Errorf("%v of %d results", count, maxResults)
	}
}

func TestSARIFLeavesOutWhatIsSettled(t *testing.T) {
	var b bytes.Buffer
	if err := SARIF(&b, example(), ""); err != nil {
		t.Fatal(err)
	}
	var log sarifLog
	if err := json.Unmarshal(b.Bytes(), &log); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range log.Runs[0].Results {
		got = append(got, r.Level+" "+r.RuleID)
	}
	if want := "error build-code-added, note release-too-new"; strings.Join(got, ", ") != want {
		t.Errorf("results: %v; want %s", got, want)
	}
}
