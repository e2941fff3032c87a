package scan

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/archive"
	"github.com/lockkeeper/lockkeeper/buildcode"
	"github.com/lockkeeper/lockkeeper/buildcode/rust"
	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/registry"
)

// linkedLook is the look at what one changed Cargo.lock links into build code. The
// archives do not show it: a library that was harmless where the program alone used
// it runs at build time once a build script does, too.
type linkedLook struct {
	scanner  *Scanner
	policy   *policy.Policy
	now      time.Time
	pair     pair
	jobs     []*judgement // of this pair
	old, new closure

	findings []policy.Finding
	retry    bool
}

// judgeLinked looks at the Cargo.lock of one pair, once its changes are judged.
func (s *Scanner) judgeLinked(ctx context.Context, in Input, g *gathered, p pair, jobs []*judgement) *linkedLook {
	k := &linkedLook{scanner: s, policy: in.Policy, now: s.now(), pair: p, jobs: jobs}
	if p.new == nil || p.new.Format != lockfile.Cargo || len(jobs) == 0 {
		return k
	}
	concerned := k.concerned()
	if !k.close(ctx, in, g, concerned) {
		return k
	}
	var group errgroup.Group
	group.SetLimit(4)
	looks := make([]*linkedLook, len(concerned))
	for n, i := range concerned {
		if !k.new.has(i) || p.new.Entries[i].Source.Kind == lockfile.Path {
			continue
		}
		one := *k
		looks[n] = &one
		group.Go(func() error {
			one.entry(ctx, i)
			return nil
		})
	}
	_ = group.Wait() // none of them fails
	for _, one := range looks {
		if one != nil {
			k.findings = append(k.findings, one.findings...)
			k.retry = k.retry || one.retry
		}
	}
	return k
}

// concerned are the entries that may be linked otherwise than before: the changed
// ones and what they reach by an edge that they did not have, or not of that kind.
func (k *linkedLook) concerned() []int {
	l := k.pair.new
	index := make(map[*lockfile.Entry]int, len(l.Entries))
	for i := range l.Entries {
		index[&l.Entries[i]] = i
	}
	var changed, gained []int
	for _, j := range k.jobs {
		i, ok := index[j.change.New]
		if !ok {
			continue
		}
		changed = append(changed, i)
		had := map[string]bool{}
		if j.change.Old != nil && slices.Equal(j.build, j.wasBuild) && j.macro == j.wasMacro {
			for _, e := range j.change.Old.Edges {
				had[e.Name] = true
			}
		}
		for _, e := range l.Entries[i].Edges {
			if !had[e.Name] {
				gained = append(gained, e.Entry)
			}
		}
	}
	all := append(changed, downstream(l, gained)...)
	slices.Sort(all)
	return slices.Compact(all)
}

// close computes both closures, as far as the entries concerned need them.
func (k *linkedLook) close(ctx context.Context, in Input, g *gathered, concerned []int) bool {
	names := map[string]bool{}
	for _, i := range concerned {
		names[k.pair.new.Entries[i].Package.Name] = true
	}
	kinds := map[string][]buildcode.Kind{}
	for _, j := range k.jobs {
		for _, known := range j.known {
			kinds[known.of.String()] = known.kinds
		}
	}
	after := &roles{scanner: k.scanner, own: k.scanner.ownRoles(ctx, in.Head, g.head), kinds: kinds}
	failed := map[string]error{}
	k.new = closureOf(k.pair.new, after.of(ctx, k.pair.new, usersOf(k.pair.new, concerned), failed))
	if old := k.pair.old; old != nil && old.Format == lockfile.Cargo {
		var same []int
		for i := range old.Entries {
			if names[old.Entries[i].Package.Name] {
				same = append(same, i)
			}
		}
		before := &roles{scanner: k.scanner, own: k.scanner.ownRoles(ctx, in.Base, g.base), kinds: kinds}
		k.old = closureOf(old, before.of(ctx, old, usersOf(old, same), failed))
	}
	if len(failed) == 0 {
		return true
	}
	k.retry = true
	unknown := slices.Sorted(maps.Keys(failed))
	few := shortened(len(unknown), func(i int) string { return unknown[i] })
	k.findings = append(k.findings, policy.Finding{
		Rule: policy.Unverified, Lockfile: k.pair.path, Subject: "linked into build code",
		Message:  "may link other packages into build code than before: the registry's index did not tell about " + strings.Join(few, ", "),
		Evidence: []string{failed[unknown[0]].Error()},
	})
	return false
}

// entry looks at one package that is linked into build code.
func (k *linkedLook) entry(ctx context.Context, i int) {
	e := &k.pair.new.Entries[i]
	// A second version beside one that is linked already is another package.
	second := slices.ContainsFunc(k.jobs, func(j *judgement) bool { return j.change.New == e && j.change.Old == nil })
	if second || !k.old.names[e.Package.Name] {
		k.entered(ctx, i)
		return
	}
	for _, j := range k.jobs {
		if j.change.New == e && j.change.Old != nil && j.artifact != nil {
			k.library(ctx, i, j)
		}
	}
}

func (k *linkedLook) add(i int, f policy.Finding) {
	e := &k.pair.new.Entries[i]
	f.Package, f.Lockfile, f.Line, f.Artifact = e.Package, k.pair.path, e.Line, lockedDigest(e)
	f.Registry = k.scanner.homeOf(e).name
	for _, j := range k.jobs {
		if j.change.New == e && j.change.Old != nil {
			f.From = j.change.Old.Package.Version
		}
	}
	k.findings = append(k.findings, f)
}

// entered says that a package runs at build time now, and whether it is young.
func (k *linkedLook) entered(ctx context.Context, i int) {
	e := &k.pair.new.Entries[i]
	f := policy.Finding{
		Rule: policy.BuildPathEntered, Subject: "linked into build code",
		Message: "is now linked into " + k.new.way(i),
	}
	if at := k.scanner.homeOf(e); at.client != nil {
		youth, err := k.young(ctx, at.client, e)
		if err != nil && !errors.Is(err, registry.ErrNotFound) { // its own entry reports it as missing
			k.retry, f.Grave = true, true
			f.Evidence = append(f.Evidence, "its age could not be found out: "+err.Error())
		}
		if youth != "" {
			f.Grave, f.Message = true, f.Message+"; "+youth
		}
	}
	k.add(i, f)
}

// young says why a package or release counts as young, empty if it does not.
func (k *linkedLook) young(ctx context.Context, client registry.Client, e *lockfile.Entry) (string, error) {
	first, err := firstPublished(ctx, client, e.Package.Name)
	if err != nil {
		return "", err
	}
	if days := k.policy.Days(policy.EdgeToYoungPackage); first.IsZero() || k.now.Sub(first) < time.Duration(days)*day {
		if first.IsZero() {
			return "the registry does not tell its age", nil
		}
		return "its first release is " + ageText(k.now.Sub(first)) + " old", nil
	}
	project, err := client.Project(ctx, e.Package.Name)
	if err != nil {
		return "", err
	}
	release := project.Release(e.Package.Version)
	if release == nil || release.Published.IsZero() {
		return "", nil
	}
	if age := k.now.Sub(release.Published); age < time.Duration(k.policy.Days(policy.ReleaseTooNew))*day {
		return "this release was published " + ageText(age) + " ago", nil
	}
	return "", nil
}

// library compares what a library that is linked into build code is able to do with
// what it was able to do before. Such a library changes with every release, so that
// asking whenever it does would be asking always; one that gains what libraries of
// build code seldom need is worth a look.
func (k *linkedLook) library(ctx context.Context, i int, j *judgement) {
	now, err := k.scanner.library(ctx, j.client, *j.artifact)
	if err != nil {
		k.retry = k.retry || errors.Is(err, errFetch)
		k.add(i, policy.Finding{
			Rule: policy.Unverified, Subject: "library",
			Message: "is linked into build code, and what it is able to do could not be analysed", Evidence: []string{err.Error()},
		})
		return
	}
	// Where the version before cannot be read, all that this one is able to do counts
	// as gained.
	old, unread := buildcode.Surface{}, []string{"the version before could not be read to compare"}
	if j.oldArtifact != nil {
		if old, err = k.scanner.library(ctx, j.client, *j.oldArtifact); err == nil {
			unread = nil
		} else {
			k.retry = k.retry || errors.Is(err, errFetch)
			unread = append(unread, err.Error())
		}
	}
	gained := alarming(&old, &now)
	if len(gained) == 0 {
		return
	}
	f := policy.Finding{
		Rule: policy.CapabilityGained, Grave: true, Code: codeOf(&now, &old), Subject: "library",
		Message:  fmt.Sprintf("is linked into %s, and its own code can now do more: %s", k.new.way(i), joinCapabilities(gained)),
		Evidence: unread,
	}
	f.Code.Gained = gained
	k.add(i, f)
}

// alarming are the capabilities gained that a library which runs in build code does
// not come by in passing: analysis without types takes much in a large library for
// decoding or cannot resolve it. One that started programs which are not everyday
// tools before may start others.
func alarming(old, now *buildcode.Surface) []buildcode.Capability {
	oddRun := func(c buildcode.Capability) bool { return strings.HasPrefix(string(c), "run:") && c.Grave() }
	ran := slices.ContainsFunc(old.Capabilities, oddRun)
	var gained []buildcode.Capability
	for _, c := range buildcode.Compare(old, now).Gained {
		switch c {
		case buildcode.Network, buildcode.Home, buildcode.LoadCode, buildcode.EmbeddedBinary:
			gained = append(gained, c)
		default:
			if oddRun(c) && !ran {
				gained = append(gained, c)
			}
		}
	}
	return gained
}

// library analyses the library of a crate, or remembers what was found in it.
func (s *Scanner) library(ctx context.Context, client registry.Client, a registry.Artifact) (buildcode.Surface, error) {
	key := "library/3/" + string(a.Digest)
	surface, ok := remembered[buildcode.Surface](ctx, s, key)
	if ok {
		return surface, nil
	}
	err := s.open(ctx, client, a, func(ctx context.Context, opened *archive.Archive) (err error) {
		surface, err = rust.Library(ctx, opened)
		return err
	})
	if err == nil && a.Digest != "" {
		err = s.remember(ctx, key, surface)
	}
	return surface, err
}

// looked is what a scan found of one package.
type looked struct {
	of    lockkeeper.Package
	kinds []buildcode.Kind
}
