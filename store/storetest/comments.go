package storetest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/store"
)

func testComments(t *testing.T, s *store.Store) {
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx := t.Context()
	check(s.NoteComment(ctx, 1, 7, store.Comment{ID: 12, Body: finding, Command: true, NotedAt: noon}))
	check(s.NoteComment(ctx, 1, 7, store.Comment{ID: 11, Body: another, NotedAt: noon}))
	check(s.NoteComment(ctx, 2, 7, store.Comment{ID: 12, Body: another, NotedAt: noon})) // another repository
	check(s.NoteComment(ctx, 1, 8, store.Comment{ID: 13, Body: another, NotedAt: noon})) // another pull request
	// Told twice, the second time as it was edited.
	check(s.NoteComment(ctx, 1, 7, store.Comment{ID: 12, Body: another, NotedAt: noon.AddDate(1, 0, 0)}))
	check(s.HearComment(ctx, 1, 7, store.Comment{ID: 12, Heard: []byte(`{"a":1}`)}))
	check(s.HearComment(ctx, 1, 7, store.Comment{ID: 12, Heard: []byte(`{"b":2}`)}))           // heard once
	check(s.HearComment(ctx, 1, 7, store.Comment{ID: 14, Heard: []byte(`{}`), NotedAt: noon})) // of which nobody told
	check(s.AnswerComment(ctx, 1, 12))
	check(s.AnswerComment(ctx, 1, 99))
	got, err := s.Comments(ctx, 1, 7)
	check(err)
	want := []store.Comment{
		{ID: 11, Body: another, NotedAt: noon},
		{ID: 12, Body: finding, Command: true, NotedAt: noon, Heard: []byte(`{"a":1}`), Answered: true},
		{ID: 14, Command: true, NotedAt: noon, Heard: []byte(`{}`)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("comments (-want +got):\n%s", diff)
	}
	if got, err := s.Comments(ctx, 3, 7); err != nil || len(got) > 0 {
		t.Errorf("comments of nowhere: %v, %v", got, err)
	}
	for _, heard := range []string{"", strings.Repeat("x", 1<<17)} {
		if err := s.HearComment(ctx, 1, 7, store.Comment{ID: 15, Heard: []byte(heard)}); err == nil {
			t.Errorf("%d bytes were heard", len(heard))
		}
	}
}
