package report

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/buildcode"
	"github.com/lockkeeper/lockkeeper/policy"
)

// huge is an update of five hundred packages as a monorepo sees it: a few that block
// or are grave, forty that run ordinary build code, and many that only warn.
func huge() *Report {
	r := example()
	r.Decision.Outcomes, r.Decision.Notes = nil, nil
	add := func(i int, state policy.State, level policy.Level, rule policy.Rule, message string, caps ...buildcode.Capability) {
		f := policy.Finding{
			Rule: rule, Package: crate(fmt.Sprintf("crate-%03d", i), "1.1.0"), From: "1.0.0", Lockfile: "Cargo.lock", Line: 7*i + 3,
			Message: message, Artifact: lockkeeper.Sum([]byte(fmt.Sprint(i))),
		}
		if caps != nil {
			var diff strings.Builder
			fmt.Fprintf(&diff, "--- a/build.rs\n+++ b/build.rs\n@@ -1,1 +1,%d @@\n", 30+i%40)
			for line := range 30 + i%40 {
				fmt.Fprintf(&diff, "+    println!(\"cargo:rerun-if-changed=src/%d.c\");\n", line)
			}
			f.Code = &policy.Code{
				Kinds: []buildcode.Kind{buildcode.BuildScript}, Digest: lockkeeper.Sum([]byte(diff.String())), Files: []string{"build.rs"},
				Capabilities: caps, Diff: diff.String(), Inserted: 30 + i%40,
			}
		}
		o := policy.Outcome{Finding: f, Digest: f.Digest(), Level: level, State: state}
		if state == policy.Open {
			o.Missing = 1
		}
		r.Decision.Outcomes = append(r.Decision.Outcomes, o)
	}
	// In the order of a decision: blocked, open, admitted, warned.
	add(499, policy.Blocked, policy.BlockLevel, policy.ChecksumMismatch, "has a checksum that the registry does not have")
	for i := 100; i < 140; i++ {
		add(i, policy.Open, policy.SignOffLevel, policy.BuildCodeChanged, "changed its build script", buildcode.Compile)
	}
	for i := 140; i < 145; i++ {
		add(i, policy.Open, policy.SignOffLevel, policy.CapabilityGained, "changed its build script, which can now do more: network", buildcode.Compile, buildcode.Network)
	}
	for i := 145; i < 165; i++ {
		add(i, policy.Open, policy.SignOffLevel, policy.PublisherChanged, "was published by user:9 (stranger); before by user:1 (keeper)")
	}
	for i := 165; i < 200; i++ {
		add(i, policy.Admitted, policy.SignOffLevel, policy.BuildCodeChanged, "changed its build script", buildcode.Compile)
	}
	for i := 200; i < 499; i++ {
		add(i, policy.Warned, policy.WarnLevel, policy.ReleaseTooNew, "was published 2 days ago, less than 7 days")
	}
	return r
}

// TestFiveHundredPackagesStayReadable: the worst comes first, of what is the same is
// said once, everything that somebody must look at has its name, and all of it stays
// below GitHub's limits.
func TestFiveHundredPackagesStayReadable(t *testing.T) {
	r := huge()
	comment := Comment(r, "")
	if n := len(comment); n > MaxComment {
		t.Errorf("the comment has %d bytes, more than %d", n, MaxComment)
	}
	check := CheckRun(r, "")
	if n := len(check.Summary); n > MaxCheckText {
		t.Errorf("the summary has %d bytes, more than %d", n, MaxCheckText)
	}
	if n := len(check.Annotations); n > 50 {
		t.Errorf("%d annotations: more than 50 take more than one request", n)
	}
	for i, want := range []string{"crate-499", "crate-140", "crate-141", "crate-142", "crate-143", "crate-144", "crate-100"} {
		if got := check.Annotations[i].Title; !strings.HasPrefix(got, want) {
			t.Errorf("annotation %d is %q, want that of %s", i, got, want)
		}
	}
	for i := 100; i < 165; i++ {
		if name := fmt.Sprintf("crate-%03d", i); !strings.Contains(comment, name) {
			t.Errorf("%s waits and is not named", name)
		}
	}
	// Without the build code, of which there is as much as fits.
	start, _, _ := strings.Cut(comment, "\n<details>")
	_, end, _ := strings.Cut(comment, "\nThe build code of")
	golden(t, "huge.md", start+"\n...\nThe build code of"+end)
	golden(t, "huge-title.txt", check.Title+"\n")
}
