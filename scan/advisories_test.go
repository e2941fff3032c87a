package scan_test

import (
	"testing"
	"testing/fstest"

	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/registry/advisory"
	"github.com/lockkeeper/lockkeeper/scan"
)

func TestKnownMalicious(t *testing.T) {
	list, err := advisory.Read(fstest.MapFS{"a.json": {Data: []byte(`{"id":"MAL-2026-1","summary":"Takes keys","affected":[{"package":{"ecosystem":"PyPI","name":"Evil"},"versions":["1.0"]}]}`)}})
	if err != nil {
		t.Fatal(err)
	}
	_, scanner := newScanner(t, []byte(hidden))
	scanner.Advisories = list
	for name, c := range map[string]struct {
		base, head memoryTree
		want       policy.Conclusion
	}{
		"new":            {memoryTree{}, memoryTree{"poetry.lock": poetryLock("evil 1.0")}, policy.Failure},
		"another one":    {memoryTree{}, memoryTree{"poetry.lock": poetryLock("evil 1.1")}, policy.ActionRequired}, // it is not in the registry
		"locked already": {memoryTree{"poetry.lock": poetryLock("evil 1.0")}, memoryTree{"poetry.lock": append(poetryLock("evil 1.0"), '\n')}, policy.Success},
		"removed":        {memoryTree{"poetry.lock": poetryLock("evil 1.0")}, memoryTree{"poetry.lock": poetryLock()}, policy.Success},
	} {
		result, err := scanner.Run(t.Context(), scan.Input{Base: c.base, Head: c.head})
		if err != nil {
			t.Fatal(err)
		}
		decision := policy.Evaluate(policy.Input{Findings: result.Findings, Onboarded: true})
		if decision.Conclusion != c.want {
			t.Errorf("%s: %s, want %s: %q", name, decision.Conclusion, c.want, said(result, policy.KnownMalicious, policy.ReleaseMissing))
		}
	}
}
