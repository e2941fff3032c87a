package report

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/scan"
)

func TestHistory(t *testing.T) {
	brian, name := user("52", "briansmith"), user("7", "name")
	workflow := lockkeeper.Principal{Kind: lockkeeper.GitHubRepo, ID: "owner/repo/release.yml"}
	for _, test := range []struct {
		p    scan.Published
		want []Era
	}{
		{scan.Published{}, nil},
		{scan.Published{By: brian, Basis: scan.Stated, Whole: true}, []Era{{Who: "user:52 (briansmith)", What: "this release, the first"}}},
		{scan.Published{By: brian, Basis: scan.Stated, Compared: 14, Whole: true, Same: 14, Earlier: 14}, []Era{{Who: "user:52 (briansmith)", What: "this release and the 14 releases before"}}},
		{scan.Published{By: brian, Basis: scan.Stated, Compared: 6, Same: 6, Earlier: 6}, []Era{{Who: "user:52 (briansmith)", What: "this release and the 6 releases before, or more"}}},
		{scan.Published{By: brian, Basis: scan.Stated, Compared: 9, Whole: true, Before: name, Others: 9},
			[]Era{{Who: "user:52 (briansmith)", What: "this release", New: true}, {Who: "user:7 (name)", What: "the 9 before"}}},
		{scan.Published{By: brian, Basis: scan.Stated, Compared: 14, Whole: true, Same: 3, Earlier: 5, Before: name, Others: 1},
			[]Era{{Who: "user:52 (briansmith)", What: "this release and the 3 releases before"}, {Who: "user:7 (name)", What: "the one before"}, {Who: "others, and user:52 (briansmith) again", What: "the 10 before"}}},
		{scan.Published{By: brian, Basis: scan.Stated, Compared: 4, Whole: true, Same: 1, Earlier: 3, Before: name, Others: 1},
			[]Era{{Who: "user:52 (briansmith)", What: "this release and the release before"}, {Who: "user:7 (name)", What: "the one before"}, {Who: "user:52 (briansmith)", What: "the 2 before"}}},
		{scan.Published{By: workflow, Environment: "release", Basis: scan.Verified, Compared: 2, Others: 2},
			[]Era{{Who: `github:owner/repo (release.yml, environment "release")`, What: "this release", New: true, Basis: "verified by attestations"}, {Who: "unknown", What: "the 2 before"}}},
		{scan.Published{By: workflow, Basis: scan.Stated, Whole: true},
			[]Era{{Who: "github:owner/repo (release.yml)", What: "this release, the first", Basis: "trusted publishing, as the registry states it"}}},
		{scan.Published{Unknown: "the registry does not tell"}, []Era{{Who: "unknown: the registry does not tell", What: "this release"}}},
	} {
		if diff := cmp.Diff(test.want, History(test.p)); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", test.p, diff)
		}
	}
}
