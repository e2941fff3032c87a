package lockfile

import (
	"testing"

	"github.com/lockkeeper/lockkeeper"
)

func TestPURL(t *testing.T) {
	for entryText, want := range map[string]string{
		"ring 0.17.8":                             "pkg:cargo/ring@0.17.8",
		"a 1.0.0+zstd.1.5":                        "pkg:cargo/a@1.0.0%2Bzstd.1.5",
		"a req=a>1":                               "pkg:cargo/a",
		"a 1.0.0 path=sub":                        "pkg:cargo/a@1.0.0",
		"a 1.0.0 from=https://r.invalid/index/":   "pkg:cargo/a@1.0.0?repository_url=https:%2F%2Fr.invalid%2Findex%2F",
		"a 1.0.0 git=https://g.invalid/a at=abc1": "pkg:cargo/a@1.0.0?vcs_url=git%2Bhttps:%2F%2Fg.invalid%2Fa%40abc1",
		"a 1.0.0 git=https://g.invalid/a":         "pkg:cargo/a@1.0.0?vcs_url=git%2Bhttps:%2F%2Fg.invalid%2Fa",
		"a 1.0.0 url=https://f.invalid/a.whl":     "pkg:cargo/a@1.0.0?download_url=https:%2F%2Ff.invalid%2Fa.whl",
	} {
		e := entry(t, lockkeeper.Cargo, 1, entryText)
		if got := e.PURL(); got != want {
			t.Errorf("%s: %s, want %s", entryText, got, want)
		}
	}
}
