package github

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/policy"
)

// answers maps paths to answers; everything else is a 404.
func answers(table map[string]string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		answer, found := table[r.URL.Path]
		if !found {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = io.WriteString(w, answer)
	}
}

// Logins change hands. Whoever has the id counts, under whatever login.
func TestPersonAfterRename(t *testing.T) {
	const role = `{"permission":"admin","role_name":"admin","user":{"id":%d,"login":%q,"type":"User"}}`
	who := Account{ID: 52, Login: "alice"}
	for _, tt := range []struct {
		name   string
		answer map[string]string
		want   policy.Person
	}{
		{"the same", map[string]string{
			"/repos/o/n/collaborators/alice/permission": fmt.Sprintf(role, 52, "alice"),
		}, policy.Person{ID: 52, Login: "alice", Permission: policy.Admin}},
		{"renamed, login given to another", map[string]string{
			"/repos/o/n/collaborators/alice/permission": fmt.Sprintf(role, 666, "alice"),
			"/user/52": `{"id":52,"login":"alice2","type":"User"}`,
			"/repos/o/n/collaborators/alice2/permission": fmt.Sprintf(role, 52, "alice2"),
		}, policy.Person{ID: 52, Login: "alice2", Permission: policy.Admin}},
		{"renamed, login free", map[string]string{
			"/user/52": `{"id":52,"login":"alice2","type":"User"}`,
			"/repos/o/n/collaborators/alice2/permission": fmt.Sprintf(role, 52, "alice2"),
		}, policy.Person{ID: 52, Login: "alice2", Permission: policy.Admin}},
		{"gone, login given to another", map[string]string{
			"/repos/o/n/collaborators/alice/permission": fmt.Sprintf(role, 666, "alice"),
		}, policy.Person{ID: 52, Login: "alice", Permission: policy.None}},
		{"gone", nil, policy.Person{ID: 52, Login: "alice", Permission: policy.None}},
		{"renamed again in between", map[string]string{
			"/user/52": `{"id":52,"login":"alice2","type":"User"}`,
			"/repos/o/n/collaborators/alice2/permission": fmt.Sprintf(role, 666, "alice2"),
		}, policy.Person{ID: 52, Login: "alice", Permission: policy.None}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWireTest(t, answers(tt.answer))
			got, err := w.client(nil).Person(t.Context(), testRepo, who, nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What cannot be looked up is an error, not a person without rights: a reject of
// theirs would be forgotten.
func TestPersonFailsClosed(t *testing.T) {
	w := newWireTest(t, func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusForbidden) })
	if _, err := w.client(nil).Person(t.Context(), testRepo, Account{ID: 52, Login: "alice"}, nil); err == nil {
		t.Error("no error")
	}
}

// GitHub's index of commits may not know those of forks.
func TestPullsForCommitOfFork(t *testing.T) {
	pr := func(number int, sha string) string {
		return fmt.Sprintf(`{"number":%d,"state":"open","head":{"sha":%q},"base":{"ref":"main","sha":%q}}`, number, sha, tipSHA)
	}
	const other = "2222222222222222222222222222222222222222"
	w := newWireTest(t, answers(map[string]string{
		"/repos/o/n/commits/" + tipSHA + "/pulls": `[]`,
		"/repos/o/n/pulls":                        "[" + pr(1, other) + "," + pr(2, tipSHA) + "]",
	}))
	got, err := w.client(nil).PullsForCommit(t.Context(), testRepo, tipSHA)
	if err != nil || len(got) != 1 || got[0].Number != 2 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestStrangeAnswers(t *testing.T) {
	for name, table := range map[string]map[string]string{
		"pull without a head":   {"/repos/o/n/pulls/1": `{"number":1,"base":{"ref":"main","sha":"` + tipSHA + `"}}`},
		"pull without a number": {"/repos/o/n/pulls/1": `{}`},
		"a proxy's page":        {"/repos/o/n/pulls/1": `<html>`},
	} {
		w := newWireTest(t, answers(table))
		if got, err := w.client(nil).Pull(t.Context(), testRepo, 1); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
	base := "2222222222222222222222222222222222222222"
	compare := "/repos/o/n/compare/" + base + "..." + tipSHA
	for name, answer := range map[string]string{
		"fewer commits than counted": `{"total_commits":2,"commits":[{"sha":"` + tipSHA + `"}],"merge_base_commit":{"sha":"` + base + `"}}`,
		"no merge base":              `{"total_commits":0,"commits":[]}`,
		"more than the bound":        `{"total_commits":2001,"commits":[],"merge_base_commit":{"sha":"` + base + `"}}`,
	} {
		w := newWireTest(t, answers(map[string]string{compare: answer}))
		if got, err := w.client(nil).Compare(t.Context(), testRepo, base, tipSHA); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
	w := newWireTest(t, func(rw http.ResponseWriter, _ *http.Request) {
		rw.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(rw, `{"message":"No common ancestor between a and b."}`)
	})
	if _, err := w.client(nil).Compare(t.Context(), testRepo, base, tipSHA); !errors.Is(err, ErrNoMergeBase) {
		t.Errorf("unrelated: %v", err)
	}
	// An answer with other content than was asked for.
	w = newWireTest(t, answers(map[string]string{"/repos/o/n/git/blobs/" + base: "hello\n"}))
	if got, err := w.client(nil).Blob(t.Context(), testRepo, base, 100); err == nil {
		t.Errorf("blob with another id: %q", got)
	}
	// An author that is an empty object, as the API's description allows.
	w = newWireTest(t, answers(map[string]string{compare: `{"total_commits":1,"merge_base_commit":{"sha":"` + base + `"},` +
		`"commits":[{"sha":"` + tipSHA + `","author":{},"committer":null}]}`}))
	got, err := w.client(nil).Compare(t.Context(), testRepo, base, tipSHA)
	if err != nil || got.Commits[0].Author != nil || got.Commits[0].Committer != nil {
		t.Errorf("%+v, %v", got, err)
	}
}
