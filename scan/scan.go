// Package scan is the pipeline: from two revisions of a repository to findings.
// Run reads as the README tells it: which lockfiles differ, parse, diff, and for
// each change the release, its publisher, its archive and its build-time code.
//
// It decides nothing: policy.Evaluate does. What could not be fetched, parsed or
// analysed is a finding of the rule unverified, never silence. An error from Run
// means that there is no result at all.
package scan

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/registry"
	"github.com/lockkeeper/lockkeeper/registry/advisory"
	"github.com/lockkeeper/lockkeeper/stage"
)

// Tree is one revision of a repository.
type Tree interface {
	// Files lists every file of the revision.
	Files(ctx context.Context) ([]lockkeeper.TreeFile, error)
	// Read returns the content of a file that Files listed. Content of more than
	// limit bytes is an error.
	Read(ctx context.Context, f lockkeeper.TreeFile, limit int64) ([]byte, error)
}

// Facts remembers what analysis found in an artifact, by content digest.
type Facts interface {
	// Fact returns the value under key, or false if there is none.
	Fact(ctx context.Context, key string) ([]byte, bool, error)
	PutFact(ctx context.Context, key string, value []byte) error
}

// Advisories know of malicious releases, without asking anybody.
type Advisories interface {
	Naming(p lockkeeper.Package) []advisory.Advisory
}

// Scanner holds what every scan needs. It is safe for concurrent use.
type Scanner struct {
	// Registries answer for their ecosystem's public registry. An ecosystem
	// without one makes every change in it unverified.
	Registries map[lockkeeper.Ecosystem]registry.Client
	// Others are further registries, and mirrors of the public ones. What comes from
	// a registry that is in neither is unverified.
	Others []Registry
	// Repositories are read to compare archives with the commits that they were made
	// from, and for dependencies on git. Nil: neither is done. What belongs to one
	// scan, such as a token, may be in it: Run uses it for that scan alone.
	Repositories Repositories
	// Facts may be nil: then every archive is analysed again.
	Facts Facts
	// Advisories may be nil: then nothing is known to be malicious.
	Advisories Advisories
	// Owners may be nil: then nothing is said of owners who came or went.
	Owners Owners
	// Trust names the trust root that provenance on PyPI is verified against, so
	// that publishers remembered by Facts are verified anew against another. Empty
	// is a name like any other.
	Trust string
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Parallel bounds how many changes are looked at together; 0 means 8.
	Parallel int
}

// Input is one change of a repository.
type Input struct {
	// Base is the merge base, Head what is judged.
	Base, Head Tree
	// BaseName and HeadName are the commits, for people and for the result.
	BaseName, HeadName string
	// Policy is that of the tip of the base branch: which lockfiles are watched,
	// and the numbers of rules. Nil means the default one.
	Policy *policy.Policy
	// OnlyWithCode leaves out who published packages without build-time code. A look at
	// everything that is locked would wait for crates.io a second for each of them.
	OnlyWithCode bool
	// Progress, if set, is called as the look at a change begins or ends, one call at a
	// time: how many are finished, and the package that has been looked at longest,
	// empty when all are.
	Progress func(done, total int, what string)
}

// Result is what a scan found. It is the same for the same input and the same
// answers of the registries.
type Result struct {
	Base, Head string
	Lockfiles  []Lockfile
	Changes    []Change
	Findings   []policy.Finding
	// Touched are the watched files and guarded settings that differ: whoever
	// changed them in a commit cannot sign off.
	Touched []string
	// Retry: something was unverified for a reason that may pass by itself, such as
	// a registry that did not answer.
	Retry bool
	// NotCompared counts the packages with new build-time code that name a repository
	// and were not compared with it, for want of Scanner.Repositories.
	NotCompared int
}

// Lockfile summarises one lockfile that differs.
type Lockfile struct {
	Path                                    string
	Replaces                                string // path of the lockfile that this one took the place of; often empty
	Format                                  lockfile.Format
	Version                                 string
	Added, Removed, Updated, Moved, Altered int
}

// Change is one change of one lockfile, for reading.
type Change struct {
	Lockfile string
	Line     int
	Kind     lockfile.Kind
	Package  lockkeeper.Package // the new version; the old one for removals
	From     string             // version before, empty when new
	// PURL is the package URL of the new entry, or of the old one for removals.
	PURL string
	// Note says what was found about it in a few words: "build code unchanged".
	Note string
	// Publisher who released the new version in short, "user:52 (briansmith)" or
	// "unknown"; Published says it all.
	Publisher string
	Published Published
	// Through is how it comes in: names from a direct dependency to the package,
	// empty when it is one itself.
	Through []string
}

// Run scans one change.
func (s *Scanner) Run(ctx context.Context, in Input) (*Result, error) {
	if in.Policy == nil {
		in.Policy = policy.Default()
	}
	reading, end := stage.Begin(ctx, stage.Lockfiles)
	found, err := s.gather(reading, in)
	end(err)
	if err != nil {
		return nil, err
	}
	if err := s.watchOwners(ctx, found.pairs); err != nil {
		return nil, err
	}
	result := &Result{Base: in.BaseName, Head: in.HeadName, Findings: found.findings, Touched: found.touched}

	var jobs, standing []*judgement
	first := make([]int, len(found.pairs)) // of each pair's jobs
	visits := newVisits(s.Repositories)
	for i, pair := range found.pairs {
		first[i] = len(jobs)
		summary := Lockfile{Path: pair.path}
		if lf := pair.newest(); lf != nil {
			summary.Format, summary.Version = lf.Format, lf.Version
		}
		if pair.old != nil && pair.old.Path != pair.path {
			summary.Replaces = pair.old.Path
		}
		for _, c := range lockfile.Diff(pair.old, pair.new) {
			summary.count(c.Kind)
			if c.Kind == lockfile.Added && found.lockedBefore(*c.New) {
				result.Changes = append(result.Changes, describe(pair, c, "the same package was locked here before"))
				continue
			}
			jobs = append(jobs, &judgement{scanner: s, visits: visits, policy: in.Policy, onlyWithCode: in.OnlyWithCode, now: s.now(), pair: pair, change: c, row: describe(pair, c, "")})
		}
		result.Lockfiles = append(result.Lockfiles, summary)
		if in.Policy.All() {
			standing = append(standing, s.standing(in.Policy, visits, pair)...)
		}
	}
	if err := s.judgeAll(ctx, slices.Concat(jobs, standing), in.Progress); err != nil {
		return nil, err
	}
	for i, pair := range found.pairs {
		s.lookAlikePublishers(ctx, pair, jobsOf(jobs, first, i))
	}
	for _, j := range jobs {
		result.Changes = append(result.Changes, j.row)
		result.Findings = append(result.Findings, j.findings...)
		result.Retry = result.Retry || j.retry
		if j.notCompared {
			result.NotCompared++
		}
	}
	linked, end := stage.Begin(ctx, stage.Linked)
	defer end(nil)
	for i, pair := range found.pairs {
		look := s.judgeLinked(linked, in, found, pair, jobsOf(jobs, first, i))
		result.Findings = append(result.Findings, look.findings...)
		result.Retry = result.Retry || look.retry
	}
	addStanding(result, standing)
	return result, nil
}

// jobsOf are those of pair i, where first says with which job each pair begins.
func jobsOf(jobs []*judgement, first []int, i int) []*judgement {
	if i+1 < len(first) {
		return jobs[first[i]:first[i+1]]
	}
	return jobs[first[i]:]
}

func (s *Scanner) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

// judgeAll looks at all changes in a bounded group. Only the end of ctx is an
// error; what goes wrong with one change is a finding of that change.
func (s *Scanner) judgeAll(ctx context.Context, jobs []*judgement, progress func(int, int, string)) (err error) {
	ctx, end := stage.Begin(ctx, stage.Changes, "changes", strconv.Itoa(len(jobs)))
	defer func() { end(err) }()
	parallel := s.Parallel
	if parallel <= 0 {
		parallel = 8
	}
	var group errgroup.Group
	group.SetLimit(parallel)
	report := teller(len(jobs), progress)
	for _, j := range jobs {
		group.Go(func() error {
			report(j, true)
			j.run(ctx)
			report(j, false)
			return ctx.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("scan %d changes: %w", len(jobs), err)
	}
	return nil
}

// teller tells progress of the judgements that begin and end.
func teller(total int, progress func(int, int, string)) func(j *judgement, begins bool) {
	var mu sync.Mutex // guards the rest, and serialises progress
	done := 0
	var underway []*judgement // longest first
	return func(j *judgement, begins bool) {
		if progress == nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if begins {
			underway = append(underway, j)
		} else {
			done++
			underway = slices.DeleteFunc(underway, func(other *judgement) bool { return other == j })
		}
		what := ""
		if len(underway) > 0 {
			what = underway[0].row.Package.Name
		}
		progress(done, total, what)
	}
}

func (l *Lockfile) count(k lockfile.Kind) {
	switch k {
	case lockfile.Added:
		l.Added++
	case lockfile.Removed:
		l.Removed++
	case lockfile.Updated:
		l.Updated++
	case lockfile.Moved:
		l.Moved++
	case lockfile.Altered:
		l.Altered++
	}
}

func describe(p pair, c lockfile.Change, note string) Change {
	row := Change{Lockfile: p.path, Kind: c.Kind, Note: note}
	if c.Old != nil {
		row.Package, row.From, row.PURL = c.Old.Package, c.Old.Package.Version, c.Old.PURL()
	}
	if c.New != nil {
		row.Package, row.PURL, row.Line = c.New.Package, c.New.PURL(), c.New.Line
		row.Through = p.through(c.New)
	}
	return row
}
