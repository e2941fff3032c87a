package scan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/registry"
	"github.com/lockkeeper/lockkeeper/stage"
)

// judgement is the look at one change. Its fields are written by one goroutine.
type judgement struct {
	scanner *Scanner
	visits  *visits // nil without repositories
	policy  *policy.Policy
	// onlyWithCode is Input.OnlyWithCode.
	onlyWithCode bool
	now          time.Time
	pair         pair
	change       lockfile.Change
	home         home // of the new entry

	// standing: nothing is said to have changed; what build-time code there is is all
	// that is asked.
	standing bool

	row      Change
	findings []policy.Finding
	retry    bool

	ageKnown  bool                   // release-too-new was looked for
	publisher lockkeeper.Principal   // of the new release
	earlier   []lockkeeper.Principal // of releases before
	// The build-time code of the new release and of the one before; nil where it is
	// not known or there is none.
	surfaces, wasSurfaces *surfaces
	// madeAgain: the package was deleted and made again, so that there is nothing to
	// compare it with.
	madeAgain bool
	// Of a crate: what was looked at, for the look at what is linked into build code.
	client                registry.Client
	artifact, oldArtifact *registry.Artifact
	known                 []looked
	macro, wasMacro       bool
	build, wasBuild       []string // what its build code uses
	// notCompared: there are no repositories to compare new build code with.
	notCompared bool
}

// run fills row and findings.
func (j *judgement) run(ctx context.Context) {
	c := j.change
	if c.Kind == lockfile.Removed {
		return
	}
	j.home = j.scanner.homeOf(c.New)
	j.judgeAdvisories()
	// Within the repository a package may move: its code is in plain sight.
	if c.Kind == lockfile.Moved && (c.Old.Source.Kind != lockfile.Path || c.New.Source.Kind != lockfile.Path) {
		j.add(policy.Finding{
			Rule:     policy.SourceChanged,
			Message:  fmt.Sprintf("comes from another source: %s, before from %s", c.New.Source, c.Old.Source),
			Subject:  sourceText(c.Old.Source) + " -> " + sourceText(c.New.Source),
			Evidence: movedFrom(c.Old.Source, c.New.Source),
		})
	}
	if !j.lookBeside(ctx) {
		return
	}
	switch src := c.New.Source; {
	case src.Kind == lockfile.Path && isArchive(src.URL):
		j.unverified("is an archive in this repository, which is not read", "archive "+src.URL, "what is in "+src.URL+" cannot be seen in the pull request")
	case src.Kind == lockfile.Path:
		j.note("part of this repository")
	case c.New.Package.Version == "" && src.Revision == "":
		j.unverified("is not locked to one version", "unlocked "+sourceText(src)+" "+c.New.Requirement,
			fmt.Sprintf("any version that fits %q may be installed; pin it with == and --hash", c.New.Requirement))
	case src.Kind == lockfile.Registry && len(c.New.Files) == 0 && j.pair.openOrigin():
		j.unverified("is locked without a hash, and may come from any of the indexes that the lockfile names", "open origin",
			"pip takes the best version of all indexes; lock it with --hash")
	case src.Public(), j.home.client != nil:
		j.judgeRelease(ctx)
	case src.Kind == lockfile.Registry:
		j.notConfigured()
	case j.readable(c.New):
		j.judgeGit(ctx)
	default:
		j.unverified(fmt.Sprintf("comes from %s, which is not read", src), "source "+sourceText(src),
			"only packages from a registry are analysed")
	}
}

// judgeAdvisories reports what is known to be malicious. A package of a registry of
// one's own is another one, whatever its name.
func (j *judgement) judgeAdvisories() {
	p := j.change.New.Package
	if j.scanner.Advisories == nil || !j.change.New.Source.Public() || p.Version == "" {
		return
	}
	for _, a := range j.scanner.Advisories.Naming(p) {
		j.add(policy.Finding{
			Rule: policy.KnownMalicious, Subject: a.ID, Message: "is malicious, says the advisory " + a.ID, Evidence: []string{a.ID + ": " + a.Summary},
		})
	}
}

// sourceText is all of a source, for sign-offs: Source.String cuts the commit short
// and leaves out the subdirectory.
func sourceText(s lockfile.Source) string {
	return fmt.Sprintf("%s %q %s %q", s.Kind, s.URL, s.Revision, s.Reference)
}

// isArchive knows the names of what pip and its kin unpack.
func isArchive(name string) bool {
	name, _, _ = strings.Cut(name, "#")
	for _, end := range []string{".whl", ".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz", ".tar.xz", ".txz", ".tlz", ".tar.lz", ".tar.lzma", ".egg", ".crate"} {
		if strings.HasSuffix(strings.ToLower(name), end) {
			return true
		}
	}
	return false
}

// old is the entry before, if it came from the same registry.
func (j *judgement) old() *lockfile.Entry {
	if j.change.Old != nil && j.change.Old.Source.Same(j.change.New.Source) && j.change.Old.Package.Version != "" {
		return j.change.Old
	}
	return nil
}

func (j *judgement) add(f policy.Finding) {
	f.Package = j.change.New.Package
	if j.change.Old != nil {
		f.From = j.change.Old.Package.Version
	}
	f.Lockfile, f.Line = j.pair.path, j.change.New.Line
	if f.Registry == "" {
		f.Registry = j.home.name
	}
	f.Unbound = j.change.New.Source.Kind == lockfile.Git || j.change.New.Source.Kind == lockfile.URL
	if f.Subject == "" && j.change.New.Source.Kind == lockfile.Git {
		f.Subject = sourceText(j.change.New.Source) // a commit has no digest of its own
	}
	if f.Artifact == "" {
		f.Artifact = lockedDigest(j.change.New)
	}
	if like := j.pair.alike.like(f.Package.Name); like != "" {
		f.Evidence = append(slices.Clip(f.Evidence), "its name "+like)
	}
	j.findings = append(j.findings, f)
}

// unverified adds a finding of that rule. subject binds a sign-off to what could
// not be verified; it must not contain what differs between two tries.
func (j *judgement) unverified(message, subject string, evidence ...string) {
	j.add(policy.Finding{Rule: policy.Unverified, Message: message, Subject: subject, Evidence: evidence})
}

// scanAgain is the next step where a registry gave no answer.
const scanAgain = "that says nothing about the package; scan again when the registry answers: a pull request is scanned again by itself, or by the comment /lockkeeper rescan"

// trouble is unverified for an error that may pass by itself.
func (j *judgement) trouble(what, subject string, err error) {
	j.retry = true
	var away *registry.AwayError
	if errors.As(err, &away) { // the same for all that it would have been asked
		j.unverified(what, subject, away.Error()+"; scan again when it can")
		return
	}
	j.unverified(what, subject, err.Error(), scanAgain)
}

func (j *judgement) note(text string) {
	if j.row.Note == "" {
		j.row.Note = text
		return
	}
	j.row.Note += "; " + text
}

// lockedDigest is one digest for all files that an entry accepts: the file's own
// where there is one file with a SHA-256.
func lockedDigest(e *lockfile.Entry) lockkeeper.Digest {
	if len(e.Files) == 0 {
		return ""
	}
	if len(e.Files) == 1 && e.Files[0].Digest != "" {
		return e.Files[0].Digest
	}
	digests := make([]string, len(e.Files))
	for i, f := range e.Files {
		digests[i] = hashText(f)
	}
	slices.Sort(digests)
	return lockkeeper.Sum([]byte(strings.Join(slices.Compact(digests), "\n")))
}

// hashText is the SHA-256 of a file, or else what it is locked by instead.
func hashText(f lockfile.File) string {
	if f.Digest == "" {
		return strings.Join(f.Other, " ")
	}
	return string(f.Digest)
}

// judgeRelease looks at a release of a registry.
func (j *judgement) judgeRelease(ctx context.Context) {
	e := j.change.New
	client := j.home.client
	if client == nil {
		j.unverified("comes from a registry that is not configured", "no registry", "no registry is configured for "+string(e.Package.Ecosystem))
		return
	}
	asking, end := stage.Begin(ctx, stage.Metadata, "package", e.Package.ID())
	project, err := client.Project(asking, e.Package.Name)
	end(err)
	if errors.Is(err, registry.ErrNotFound) {
		j.add(policy.Finding{
			Rule: policy.ReleaseMissing, Message: "is not in the registry", Subject: "no project",
			Evidence: []string{err.Error(), "it was deleted, or taken down, or never was there: find out which before it is installed anywhere"},
		})
		return
	}
	if err != nil {
		j.trouble("could not be looked up in the registry", "project", err)
		return
	}
	release := project.Release(e.Package.Version)
	switch {
	case project.Quarantined:
		j.add(policy.Finding{
			Rule: policy.ReleaseMissing, Message: "is quarantined by the registry", Subject: "quarantined",
			Evidence: []string{"the registry suspects it of doing harm and holds it back; keep the version that is locked, or do without"},
		})
		return
	case release == nil:
		j.add(policy.Finding{
			Rule: policy.ReleaseMissing, Message: "has no such release in the registry", Subject: "no release",
			Evidence: []string{"it was deleted, or taken down, or never was there: find out which before it is installed anywhere"},
		})
		return
	}
	artifacts, ok := j.lockedArtifacts(e, release)
	if !ok {
		return
	}
	if j.standing {
		j.judgeStandingCode(ctx, client, artifacts)
		return
	}
	j.judgeTimes(project, release)
	j.judgeReplaced(project)
	var before *registry.Release
	if old := j.old(); old != nil && !j.madeAgain {
		before = project.Release(old.Package.Version)
	}
	j.judgeCode(ctx, client, artifacts, before)
	if j.onlyWithCode && j.row.Note == noBuildCode {
		return
	}
	j.judgePeople(ctx, project, release)
	j.judgeOwners(ctx, client, project, release)
	j.judgeUnknown(release)
	j.judgeEdges(ctx)
}

// lockedArtifacts are the files of the release that the lockfile accepts. It is
// not ok if the lockfile and the registry disagree: then there is nothing more
// to look at, for it is not known what would be installed.
func (j *judgement) lockedArtifacts(e *lockfile.Entry, release *registry.Release) ([]registry.Artifact, bool) {
	if len(e.Files) == 0 {
		if e.Package.Ecosystem == lockkeeper.Cargo {
			j.unverified("is locked without a checksum", "no checksum", "cargo writes one for every package of a registry; run cargo generate-lockfile")
			return nil, false
		}
		return release.Artifacts, true
	}
	byDigest := map[lockkeeper.Digest]registry.Artifact{}
	byName := map[string]registry.Artifact{}
	for _, a := range release.Artifacts {
		byName[a.Filename] = a
		if a.Digest != "" {
			byDigest[a.Digest] = a
		}
	}
	var artifacts []registry.Artifact
	var gone []string
	for _, f := range e.Files {
		if f.Digest == "" {
			j.unverified("is locked by hashes that the registry does not state, so what would be installed is not known",
				"hash "+hashText(f), strings.TrimSpace(f.Name+" "+hashText(f)), "lock it anew with SHA-256 hashes")
			return nil, false
		}
		if a, ok := byDigest[f.Digest]; ok {
			artifacts = append(artifacts, a)
			continue
		}
		registered, named := byName[f.Name]
		if e.Package.Ecosystem == lockkeeper.Cargo && len(release.Artifacts) == 1 {
			registered, named = release.Artifacts[0], true
		}
		if named && registered.Digest == "" {
			// The index states none; what it serves must have the lockfile's.
			registered.Digest = f.Digest
			artifacts = append(artifacts, registered)
			continue
		}
		if named {
			j.add(policy.Finding{
				Rule:     policy.ChecksumMismatch,
				Message:  "has another checksum in the lockfile than in the registry",
				Evidence: []string{"lockfile: " + string(f.Digest), "registry: " + string(registered.Digest)},
				Subject:  string(registered.Digest),
			})
			return nil, false
		}
		gone = append(gone, strings.TrimSpace(f.Name+" "+string(f.Digest)))
	}
	if len(gone) > 0 {
		slices.Sort(gone)
		j.unverified("locks files that the registry does not have", "files "+strings.Join(gone, ","), gone...)
	}
	if j.change.Kind == lockfile.Altered && j.replaced() {
		j.add(policy.Finding{
			Rule:     policy.ChecksumChanged,
			Message:  "is the same version with other checksums",
			Evidence: []string{"before: " + string(lockedDigest(j.change.Old)), "now: " + string(lockedDigest(e))},
			Subject:  string(lockedDigest(j.change.Old)),
		})
	}
	return artifacts, true
}

// replaced reports whether an altered entry exchanged a file for another, rather
// than listing more or fewer files of the release.
func (j *judgement) replaced() bool {
	before := map[string]string{}
	kept := false
	for _, f := range j.change.Old.Files {
		before[f.Name] = hashText(f)
	}
	for _, f := range j.change.New.Files {
		if old, ok := before[f.Name]; ok && f.Name != "" && old != hashText(f) {
			return true
		}
		kept = kept || slices.ContainsFunc(j.change.Old.Files, func(o lockfile.File) bool { return hashText(o) == hashText(f) })
	}
	return !kept && len(before) > 0
}

// ageText is a duration for people: its largest unit, rounded down.
func ageText(d time.Duration) string {
	plural := func(n int, unit string) string {
		if n == 1 {
			return "1 " + unit
		}
		return fmt.Sprintf("%d %ss", n, unit)
	}
	switch {
	case d < 0:
		return "0 minutes"
	case d < time.Hour:
		return plural(int(d.Minutes()), "minute")
	case d < 48*time.Hour:
		return plural(int(d.Hours()), "hour")
	default:
		return plural(int(d.Hours()/24), "day")
	}
}

func asLockfileError(err error) (*lockfile.Error, bool) {
	var e *lockfile.Error
	ok := errors.As(err, &e)
	return e, ok
}
