package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/store"
	"github.com/lockkeeper/lockkeeper/store/storetest/pgtest"
)

func onEach(b *testing.B, benchmark func(b *testing.B, s *store.Store)) {
	b.Run("SQLite", func(b *testing.B) { benchmark(b, open(b, newSQLite(b))) })
	b.Run("PostgreSQL", func(b *testing.B) { benchmark(b, open(b, pgtest.New(b))) })
}

// A fact of usual size, among ten thousand.
func BenchmarkFact(b *testing.B) {
	onEach(b, func(b *testing.B, s *store.Store) {
		const facts = 10_000
		value := make([]byte, 2000)
		for i := range facts {
			if err := s.PutFact(b.Context(), fmt.Sprint("surface/", i), value); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, found, err := s.Fact(b.Context(), fmt.Sprint("surface/", i%facts)); err != nil || !found {
				b.Fatal(found, err)
			}
		}
	})
}

func BenchmarkPutFact(b *testing.B) {
	onEach(b, func(b *testing.B, s *store.Store) {
		value := make([]byte, 2000)
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if err := s.PutFact(b.Context(), fmt.Sprint("surface/", i), value); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkPutScan(b *testing.B) {
	onEach(b, func(b *testing.B, s *store.Store) {
		scan := store.Scan{RepoID: 1, Open: true, BaseRef: "main", Result: make([]byte, 4000), At: time.Now()}
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			scan.Pull, scan.Generation = i%1000, int64(i)
			if err := s.PutScan(b.Context(), scan); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// What was said about a hundred findings, among ten thousand statements.
func BenchmarkStatements(b *testing.B) {
	onEach(b, func(b *testing.B, s *store.Store) {
		var findings []lockkeeper.Digest
		for i := range 10_000 {
			said := policy.Statement{Finding: lockkeeper.Sum(fmt.Append(nil, i)), Verdict: policy.SignOff, By: 1, At: time.Now()}
			if _, err := s.AddStatement(b.Context(), 1, 1, said, fmt.Sprint("comment:", i)); err != nil {
				b.Fatal(err)
			}
			if i%100 == 0 {
				findings = append(findings, said.Finding)
			}
		}
		// As both databases do from time to time by themselves.
		if _, err := s.DB().ExecContext(b.Context(), `ANALYZE`); err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if said, err := s.Statements(b.Context(), 1, findings); err != nil || len(said) != len(findings) {
				b.Fatal(len(said), err)
			}
		}
	})
}

// A hundred packages of a lockfile, all of them known.
func BenchmarkWatchOwners(b *testing.B) {
	onEach(b, func(b *testing.B, s *store.Store) {
		var ids []string
		for i := range 100 {
			ids = append(ids, fmt.Sprint("cargo/p", i))
		}
		now := time.Now()
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if err := s.WatchOwners(b.Context(), ids, now.Add(time.Duration(i)*time.Second)); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkNextSlot(b *testing.B) {
	onEach(b, func(b *testing.B, s *store.Store) {
		for b.Loop() {
			if _, err := s.NextSlot(b.Context(), "api", time.Microsecond); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// A batch of old pull requests with reports of 20 KB, among ten thousand that stay.
func BenchmarkPruneClosed(b *testing.B) {
	onEach(b, func(b *testing.B, s *store.Store) {
		const stay, batch = 10_000, 200
		put := func(pull int, open bool) {
			scan := store.Scan{RepoID: 1, Pull: pull, Generation: 1, Open: open, BaseRef: "main", Result: make([]byte, 4000), At: time.Now()}
			if err := s.PutScan(b.Context(), scan); err != nil {
				b.Fatal(err)
			}
			if err := s.PutReport(b.Context(), store.Report{RepoID: 1, Pull: pull, Generation: 1, Headline: []byte("{}"), Body: make([]byte, 16_000)}); err != nil {
				b.Fatal(err)
			}
		}
		for pull := range stay {
			put(pull, true)
		}
		noon := time.Now()
		for b.Loop() {
			b.StopTimer()
			for pull := range batch {
				put(stay+pull, false)
			}
			if err := s.NoteClosed(b.Context(), noon); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
			if n, err := s.PruneClosed(b.Context(), noon.Add(time.Second), batch); err != nil || n != batch {
				b.Fatal(n, err)
			}
		}
	})
}
