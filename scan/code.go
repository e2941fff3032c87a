package scan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper/buildcode"
	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/registry"
)

// What begins the keys of all that a Scanner remembers, of this version and others. It
// can be found out again.
const (
	surfaceFacts     = "surface/"
	publicationFacts = "publications/"
)

// Remembered lists what the keys of facts begin with that can be found out again, so
// that old ones may be removed.
func Remembered() []string { return []string{surfaceFacts, publicationFacts} }

const (
	// analysis is part of the keys of remembered facts: raise it when analysers
	// find other things in the same archive.
	analysis = surfaceFacts + "5/"
	// maxArtifacts bounds the files looked at for one release.
	maxArtifacts = 300
	// maxAnalysis bounds the look into one artifact. Ordinary ones take milliseconds.
	maxAnalysis = 2 * time.Minute
	// maxTogether bounds the files of one release that are fetched together.
	maxTogether = 4
	// maxDiff bounds the diff kept with a finding, in bytes.
	maxDiff = 64 << 10
)

// surfaces is the build-time code of one release, as far as the lockfile could
// install it.
type surfaces struct {
	build  buildcode.Surface // runs while the package is built
	hooks  buildcode.Surface // runs when an interpreter starts
	source bool              // no wheel fits everywhere and there are none at all: it is built from source
	uneven []string          // in what the wheels of the release differ, in sentences
}

// judgeCode compares the build-time code of the locked files with that of the
// release before.
func (j *judgement) judgeCode(ctx context.Context, client registry.Client, artifacts []registry.Artifact, before *registry.Release) {
	now, err := j.scanner.surfacesOf(ctx, client, artifacts, j.pair.buildsFromSource(j.pair.new))
	if errors.Is(err, registry.ErrDigest) {
		j.retry = true // a proxy that answers with a page of its own is no other content
		j.add(policy.Finding{Rule: policy.ChecksumMismatch, Message: "is served with other content than its checksum says", Evidence: []string{err.Error()}})
		return
	}
	if err != nil {
		switch {
		case errors.Is(err, errFetch):
			j.trouble("could not be analysed", "archive", err)
		case errors.Is(err, registry.ErrNotFound):
			j.retry = true // files may come later than the index
			j.unverified("could not be analysed", "archive", err.Error(), "the registry lists the release and does not have this file: find out why before it is installed anywhere")
		default:
			j.unverified("could not be analysed", "archive", err.Error(), "look into the archive yourself, or stay with the version before")
		}
		j.note("not analysed")
		return
	}
	var old *surfaces
	var oldErr error
	if before != nil {
		were := oldArtifacts(j.old(), before)
		if old, oldErr = j.scanner.surfacesOf(ctx, client, were, j.pair.buildsFromSource(j.pair.old)); oldErr == nil && len(were) == 1 {
			j.oldArtifact = &were[0]
		}
	}
	j.surfaces, j.wasSurfaces = now, old
	j.keep(client, artifacts, now, old)
	j.compareCode(now, old, oldErr)
	j.judgeUpstream(ctx, now, old)
}

// compareCode says what is new about the build-time code. old is nil where there
// was no version before, or oldErr says why it could not be read.
func (j *judgement) compareCode(now, old *surfaces, oldErr error) {
	if oldErr != nil {
		j.retry = j.retry || errors.Is(oldErr, errFetch)
	}
	if now.build.Runs() {
		j.buildFinding(now, old, oldErr)
	} else if now.source && (old == nil || !old.source) {
		j.add(policy.Finding{Rule: policy.SourceBuild, Grave: true, Message: sourceBuildMessage, Code: &policy.Code{}})
	}
	if now.hooks.Runs() && (old == nil || old.hooks.Digest != now.hooks.Digest) {
		message := "carries code that runs whenever Python starts"
		if old != nil && !old.hooks.Runs() {
			message = "gained code that runs whenever Python starts"
		} else if old != nil {
			message = "changed the code that runs whenever Python starts"
		}
		// How long others have had time to look is part of the rule's default.
		grave := !j.ageKnown
		var was *buildcode.Surface
		if old != nil {
			was = &old.hooks
		}
		j.add(policy.Finding{Rule: policy.StartupHook, Grave: grave, Message: message, Code: codeOf(&now.hooks, was), Evidence: append(partialEvidence(now.hooks), now.uneven...)})
	}
	j.noteCode(now, old)
}

const sourceBuildMessage = "has no wheel that the lockfile accepts, so installing it builds from source with whatever build backend is newest then"

// keep notes what the look at links into build code needs of a crate.
func (j *judgement) keep(client registry.Client, artifacts []registry.Artifact, now, old *surfaces) {
	if len(artifacts) != 1 || artifacts[0].Kind != registry.Crate {
		return
	}
	j.client, j.artifact = client, &artifacts[0]
	j.known = append(j.known, looked{j.change.New.Package, now.build.Kinds})
	j.macro, j.build = now.build.Has(buildcode.ProcMacro), now.build.Dependencies
	if old != nil {
		j.known = append(j.known, looked{j.change.Old.Package, old.build.Kinds})
		j.wasMacro, j.wasBuild = old.build.Has(buildcode.ProcMacro), old.build.Dependencies
	}
}

// oldArtifacts are the files of the release before that the lockfile accepted.
func oldArtifacts(e *lockfile.Entry, r *registry.Release) []registry.Artifact {
	if e == nil || len(e.Files) == 0 {
		return r.Artifacts
	}
	var artifacts []registry.Artifact
	for _, a := range r.Artifacts {
		if slices.ContainsFunc(e.Files, func(f lockfile.File) bool { return f.Digest == a.Digest }) {
			artifacts = append(artifacts, a)
		}
	}
	return artifacts
}

// buildFinding says how the code that runs while building came about: one
// question for each release, the strongest that applies.
func (j *judgement) buildFinding(now, old *surfaces, oldErr error) {
	// How long others have had time to look is part of the rules' defaults.
	f := policy.Finding{Evidence: partialEvidence(now.build), Grave: !j.ageKnown}
	kind, own := kindsText("a ", now.build.Kinds), kindsText("", now.build.Kinds)
	switch {
	case oldErr != nil:
		f.Rule, f.Grave = policy.BuildCodeChanged, true
		f.Message = fmt.Sprintf("runs %s, and the version before could not be read to compare", kind)
		f.Evidence = append(f.Evidence, oldErr.Error())
		f.Code = codeOf(&now.build, nil)
	case old == nil:
		f.Rule = policy.BuildCodeAdded
		f.Message = fmt.Sprintf("is new here and runs %s", kind)
		f.Code = codeOf(&now.build, nil)
	case !old.build.Runs():
		f.Rule = policy.BuildCodeGained
		f.Message = fmt.Sprintf("ran nothing while being built before and now runs %s", kind)
		f.Code = codeOf(&now.build, &old.build)
	case old.build.Digest == now.build.Digest:
		return
	default:
		f.Code = codeOf(&now.build, &old.build)
		f.Rule = policy.BuildCodeChanged
		f.Message = "changed its " + own
		f.Grave = now.build.Grave()
		if len(f.Code.Gained) > 0 {
			f.Rule, f.Grave = policy.CapabilityGained, f.Grave || !j.ageKnown
			f.Message = fmt.Sprintf("changed its %s, which can now do more: %s", own, joinCapabilities(f.Code.Gained))
		}
	}
	if now.source && (old == nil || !old.source) {
		f.Evidence = append(f.Evidence, sourceBuildMessage)
	}
	j.add(f)
}

func partialEvidence(s buildcode.Surface) []string {
	if s.Partial {
		return []string{"read in parts from the registry, so the lockfile's checksum does not cover what was read"}
	}
	return nil
}

func joinCapabilities(caps []buildcode.Capability) string {
	words := make([]string, len(caps))
	for i, c := range caps {
		words[i] = string(c)
	}
	return strings.Join(words, ", ")
}

var kindNames = map[buildcode.Kind]string{
	buildcode.BuildScript: "build script", buildcode.ProcMacro: "procedural macro", buildcode.SetupScript: "setup script",
	buildcode.BuildBackend: "build backend code", buildcode.StartupHook: "start-up hook",
}

// kindsText names the ways in which code runs, each behind the article: "a build
// script and a procedural macro".
func kindsText(article string, kinds []buildcode.Kind) string {
	words := make([]string, len(kinds))
	for i, k := range kinds {
		words[i] = article + kindNames[k]
		if k == buildcode.BuildBackend {
			words[i] = kindNames[k]
		}
	}
	return strings.Join(words, " and ")
}

// noBuildCode is the note about a package of which nothing runs at build time.
const noBuildCode = "no build code"

func (j *judgement) noteCode(now, old *surfaces) {
	switch {
	case !now.build.Runs() && !now.hooks.Runs():
		j.note(noBuildCode)
	case old != nil && old.build.Digest == now.build.Digest && old.hooks.Digest == now.hooks.Digest:
		j.note("build code unchanged")
	default:
		all := slices.Concat(now.build.Capabilities, now.hooks.Capabilities)
		slices.Sort(all)
		text := kindsText("", append(slices.Clone(now.build.Kinds), now.hooks.Kinds...))
		if len(all) > 0 {
			text += ": " + joinCapabilities(slices.Compact(all))
		}
		j.note(text)
	}
}

// codeOf reduces a surface to what a finding carries, compared with the one
// before.
func codeOf(now, old *buildcode.Surface) *policy.Code {
	c := &policy.Code{Kinds: now.Kinds, Digest: now.Digest, Capabilities: now.Capabilities, Uses: now.Uses}
	c.Files = pathsOf(now.Files)
	if old == nil {
		old = &buildcode.Surface{}
	}
	c.Gained = buildcode.Compare(old, now).Gained
	c.Diff, c.Inserted, c.Deleted = buildcode.Diff(old, now, maxDiff)
	return c
}
