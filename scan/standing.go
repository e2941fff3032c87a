package scan

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/registry"
)

// Standing looks at every package that the lockfiles of a revision lock, for its
// build-time code alone: build-code-unlisted for each that has any, and whatever
// keeps that from being known. Of the input's Base nothing is read.
func (s *Scanner) Standing(ctx context.Context, in Input) (*Result, error) {
	if in.Policy == nil {
		in.Policy = policy.Default()
	}
	in.Base, in.BaseName = noFiles{}, "nothing"
	found, err := s.gather(ctx, in)
	if err != nil {
		return nil, err
	}
	result := &Result{Head: in.HeadName}
	for _, f := range found.findings {
		if f.Rule == policy.Unverified { // a lockfile that cannot be read
			result.Findings = append(result.Findings, f)
		}
	}
	var jobs []*judgement
	visits := newVisits(s.Repositories)
	for _, pair := range found.pairs {
		result.Lockfiles = append(result.Lockfiles, Lockfile{Path: pair.path, Format: pair.new.Format, Version: pair.new.Version})
		jobs = append(jobs, s.standing(in.Policy, visits, pair)...)
	}
	if err := s.judgeAll(ctx, jobs, in.Progress); err != nil {
		return nil, err
	}
	addStanding(result, jobs)
	return result, nil
}

// standing are looks at all entries of a pair's new side as they stand.
func (s *Scanner) standing(rules *policy.Policy, visits *visits, p pair) []*judgement {
	if p.new == nil {
		return nil
	}
	var jobs []*judgement
	for i := range p.new.Entries {
		c := lockfile.Change{Kind: lockfile.Added, New: &p.new.Entries[i]}
		jobs = append(jobs, &judgement{scanner: s, visits: visits, policy: rules, now: s.now(), pair: p, change: c, row: describe(p, c, ""), standing: true})
	}
	return jobs
}

// judgeStandingCode says what build-time code the locked files have.
func (j *judgement) judgeStandingCode(ctx context.Context, client registry.Client, artifacts []registry.Artifact) {
	now, err := j.scanner.surfacesOf(ctx, client, artifacts, j.pair.buildsFromSource(j.pair.new))
	switch {
	case errors.Is(err, registry.ErrDigest):
		j.add(policy.Finding{Rule: policy.ChecksumMismatch, Message: "is served with other content than its checksum says", Evidence: []string{err.Error()}})
	case err != nil:
		j.retry = j.retry || errors.Is(err, errFetch)
		j.unverified("could not be analysed", "archive", err.Error())
	default:
		j.compareCode(now, nil, nil)
	}
}

// unlisted turns a finding about new code into one about code that is there; ok is
// false where it is about neither code nor what keeps code from being known.
func unlisted(f policy.Finding) (_ policy.Finding, ok bool) {
	switch f.Rule {
	case policy.BuildCodeAdded, policy.StartupHook, policy.SourceBuild:
		if f.Code == nil {
			return f, false
		}
		if len(f.Code.Kinds) > 0 {
			f.Message = fmt.Sprintf("runs %s, and no entry of the allowlist admits that", kindsText("a ", f.Code.Kinds))
		}
		f.Rule, f.Grave, f.Code.Gained = policy.BuildCodeUnlisted, false, nil
		return f, true
	case policy.Unverified, policy.KnownMalicious, policy.ChecksumMismatch, policy.ReleaseMissing:
		return f, true
	}
	return f, false
}

// addStanding adds what stands to the findings about changes. What keeps the code of
// a package from being known is said once.
func addStanding(result *Result, jobs []*judgement) {
	key := func(f policy.Finding) string {
		return f.Lockfile + "\x00" + f.Package.String() + "\x00" + string(f.Rule)
	}
	said := map[string]bool{}
	for _, f := range result.Findings {
		said[key(f)] = true
	}
	for _, j := range jobs {
		result.Retry = result.Retry || j.retry
		for _, f := range j.findings {
			f, ok := unlisted(f)
			if ok && (f.Rule == policy.BuildCodeUnlisted || !said[key(f)]) {
				result.Findings = append(result.Findings, f)
			}
		}
	}
}

// Lockfiles lists the paths of the lockfiles of a revision that the default policy
// watches.
func Lockfiles(ctx context.Context, t Tree) ([]string, error) {
	files, err := t.Files(ctx)
	if err != nil {
		return nil, fmt.Errorf("list files: %w", err)
	}
	var paths []string
	for _, f := range files {
		if _, ok := lockfile.FormatOf(f.Path); ok && f.Mode == lockkeeper.Regular {
			paths = append(paths, f.Path)
		}
	}
	slices.Sort(paths)
	return paths, nil
}
