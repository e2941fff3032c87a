package tree_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/lockfile/internal/tree"
)

// each reads doc and joins what EachTOML hands out with what it returns.
func each(doc string) (any, error) {
	list := []any{}
	root, err := tree.EachTOML([]byte(doc), "p", func(_, t *tree.Table) error {
		list = append(list, tableText(t))
		return nil
	})
	if err != nil {
		return nil, err
	}
	all := tableText(root).(map[string]any)
	if v := root.Get("p"); v != nil && v.Kind == tree.Array {
		if len(v.Elems) > 0 {
			return nil, errors.New("elements were handed out and kept")
		}
		all["p"] = list
	}
	return all, nil
}

// FuzzEachTOML: reading table by table gives what reading at once gives.
func FuzzEachTOML(f *testing.F) {
	for _, doc := range []string{
		"v = 1\n[[p]]\na = 1\n[p.b]\nc = [1, {d = 2}]\n[[p.f]]\nx = 1\n[[p]]\na = 2\n[m]\nz = 1\n[p.q]\nlate = true\n",
		"p = [{a = 1}, {b = {c = 2}}]\n[m]\n",
		"p = 1\n", "[p]\n", "[[p]]\n[[q.p]]\n[[p]]\n", "[[p]]\n[p]\n", "[[a]]\n[[p]]\n[a.b]\n", "p = [1]\n",
	} {
		f.Add(doc)
	}
	f.Fuzz(func(t *testing.T, doc string) {
		whole, wholeErr := tree.TOML([]byte(doc))
		got, err := each(doc)
		if wholeErr != nil {
			if err == nil {
				t.Fatalf("table by table it passes: %v\n%s", wholeErr, doc)
			}
			return
		}
		if v := whole.Get("p"); err != nil && v != nil && v.Kind == tree.Array {
			return // an array of something other than tables
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, doc)
		}
		if diff := cmp.Diff(tableText(whole), got); diff != "" {
			t.Fatalf("(-whole +table by table):\n%s\n%s", diff, doc)
		}
	})
}

func TestEachTOMLReturnsErrors(t *testing.T) {
	wrong := errors.New("wrong")
	n := 0
	_, err := tree.EachTOML([]byte("[[p]]\n[[p]]\n[[p]]\n"), "p", func(_, _ *tree.Table) error {
		if n++; n == 2 {
			return wrong
		}
		return nil
	})
	if !errors.Is(err, wrong) || n != 2 {
		t.Errorf("error %v after %d tables", err, n)
	}
}
