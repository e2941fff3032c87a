package report

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestKeptReportsAreTheSame(t *testing.T) {
	want := example()
	want.Pull = &Pull{Repository: "example/app", Number: 3, Title: "Update", Author: "author", AuthorID: 7, URL: "https://example.invalid/3"}
	data, err := Encode(want, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for i, o := range got.Decision.Outcomes {
		if o.Finding.Digest() != o.Digest {
			t.Errorf("outcome %d has another digest now", i)
		}
	}
}

// TestKeptReportsAreBounded: the diffs that do not fit are left out, from the last;
// the finding itself never is.
func TestKeptReportsAreBounded(t *testing.T) {
	r := example()
	first := r.Decision.Outcomes[0]
	r.Decision.Outcomes = nil
	for range 300 {
		o := first
		code := *o.Finding.Code
		code.Diff, code.Inserted = strings.Repeat("+x\n", 20000), 20000
		o.Finding.Code = &code
		r.Decision.Outcomes = append(r.Decision.Outcomes, o)
	}
	data, err := Encode(r, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	all := got.Decision.Outcomes
	if len(all) != 300 || all[0].Finding.Code.Diff == "" || all[299].Finding.Code.Diff != "" || all[299].Finding.Code.Inserted != 20000 {
		t.Errorf("%d outcomes; the first diff has %d bytes, the last %d of +%d lines", len(all), len(all[0].Finding.Code.Diff), len(all[299].Finding.Code.Diff), all[299].Finding.Code.Inserted)
	}
	if len(r.Decision.Outcomes[299].Finding.Code.Diff) == 0 {
		t.Error("the report itself was changed")
	}
	if _, err := Encode(r, 100); err == nil {
		t.Error("a report fits into 100 bytes")
	}
	if _, err := Decode([]byte("no report")); err == nil {
		t.Error("anything is a report")
	}
}
