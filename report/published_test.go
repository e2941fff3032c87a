package report

import (
	"testing"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/scan"
)

func TestPublishedLine(t *testing.T) {
	repository := func(id string) lockkeeper.Principal {
		return lockkeeper.Principal{Kind: lockkeeper.GitHubRepo, ID: id}
	}
	brian, name := user("52", "briansmith"), user("7", "name")
	workflow := repository("owner/repo/release.yml")
	for _, test := range []struct {
		p    scan.Published
		want string
	}{
		{scan.Published{}, ""},
		{scan.Published{By: brian, Basis: scan.Stated, Whole: true}, "published by user:52 (briansmith), the first release"},
		{scan.Published{By: brian, Basis: scan.Stated}, "published by user:52 (briansmith)"},
		{scan.Published{By: brian, Basis: scan.Stated, Compared: 1, Whole: true, Same: 1, Earlier: 1}, "published by user:52 (briansmith), as the release before"},
		{scan.Published{By: brian, Basis: scan.Stated, Compared: 14, Whole: true, Same: 14, Earlier: 14}, "published by user:52 (briansmith), as the 14 releases before"},
		{scan.Published{By: brian, Basis: scan.Stated, Compared: 14, Whole: true, Same: 3, Earlier: 5, Before: name, Others: 2}, "published by user:52 (briansmith), as the 3 releases before; the 2 before those by user:7 (name)"},
		{scan.Published{By: brian, Basis: scan.Stated, Compared: 14, Whole: true, Earlier: 5, Before: name, Others: 1}, "published by user:52 (briansmith), as 5 of the 14 releases before; the one before by user:7 (name)"},
		{scan.Published{By: brian, Basis: scan.Stated, Compared: 9, Whole: true, Before: name, Others: 9}, "published by user:52 (briansmith), the first by them; the 9 before by user:7 (name)"},
		{scan.Published{By: brian, Basis: scan.Stated, Compared: 9, Whole: true, Others: 9}, "published by user:52 (briansmith), the first by them; the 9 before by somebody unknown"},
		{scan.Published{By: workflow, Basis: scan.Stated, Compared: 9, Whole: true, Before: name, Others: 9},
			"published by github:owner/repo (release.yml), the first by it; the 9 before by user:7 (name); trusted publishing, as the registry states it"},
		{scan.Published{By: workflow, Environment: "release", Basis: scan.Verified, Compared: 6, Same: 6, Earlier: 6},
			`published by github:owner/repo (release.yml, environment "release"), as at least the 6 releases before; verified by attestations`},
		{scan.Published{By: repository("owner/repo"), Basis: scan.Stated, Compared: 2, Whole: true, Same: 2, Earlier: 2},
			"published by github:owner/repo, as the 2 releases before; trusted publishing, as the registry states it"},
		{scan.Published{Unknown: "the registry does not tell", Compared: 2, Whole: true, Same: 2, Earlier: 2}, "publisher unknown: the registry does not tell, as the 2 releases before"},
		{scan.Published{Unknown: "the registry does not tell", Compared: 2, Whole: true, Before: workflow, Others: 2}, "publisher unknown: the registry does not tell; the 2 before by github:owner/repo (release.yml)"},
		{scan.Published{Unknown: "the registry could not be asked"}, "publisher unknown: the registry could not be asked"},
	} {
		if got := publishedLine(test.p); got != test.want {
			t.Errorf("%+v:\n got %s\nwant %s", test.p, got, test.want)
		}
	}
}
