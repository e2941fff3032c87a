package scan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/registry"
)

// Registry is one beside the public ones, by configuration.
type Registry struct {
	// Name is what findings and the policy call it.
	Name      string
	Ecosystem lockkeeper.Ecosystem
	// Sources are what lockfiles write for it, at least one.
	Sources []string
	// Mirror: what comes from here counts as the public registry's. If that is asked
	// here, too, Client says so.
	Mirror bool
	// Open: what it serves may be shown to everybody.
	Open bool
	// Client asks it; nil for one that is not asked. A mirror's is that of
	// Scanner.Registries, too.
	Client registry.Client
}

// ForEverybody takes the clients from those registries of which not everybody may be
// told what they serve.
func ForEverybody(all []Registry) []Registry {
	open := slices.Clone(all)
	for i := range open {
		if !open[i].Open && !open[i].Mirror {
			open[i].Client = nil
		}
	}
	return open
}

// home is the registry that an entry comes from. The zero home is none that is
// known.
type home struct {
	name   string // of a configured registry; empty where the public one is asked itself
	public bool   // what is known of names belongs to the public registry
	client registry.Client
}

// homeOf gives the registry of an entry whose source has been settled. Only what is
// configured is one, whatever the lockfile names (promise 5).
func (s *Scanner) homeOf(e *lockfile.Entry) home {
	if e.Source.Kind != lockfile.Registry {
		return home{}
	}
	for _, r := range s.Others {
		switch {
		case r.Ecosystem != e.Package.Ecosystem || r.Client == nil:
		case r.Mirror && e.Source.Public():
			return home{name: r.Name, public: true, client: r.Client}
		case !r.Mirror && e.Source.URL == r.source():
			return home{name: r.Name, client: r.Client}
		}
	}
	if e.Source.Public() {
		return home{public: true, client: s.Registries[e.Package.Ecosystem]}
	}
	return home{}
}

// inPolicy is what the policy calls a registry whose releases may lack what others
// tell; empty for crates.io, which is asked for times where the index has none.
func (h home) inPolicy(ecosystem lockkeeper.Ecosystem) string {
	if h.name == "" && ecosystem == lockkeeper.PyPI {
		return "pypi"
	}
	return h.name
}

// source is the one of several that stands for all of them.
func (r Registry) source() string { return strings.TrimPrefix(r.Sources[0], "registry+") }

// settle gives all entries of one registry one source, however the lockfile writes
// it: from one form to the other no package moves.
func (s *Scanner) settle(l *lockfile.Lockfile) {
	if len(s.Others) == 0 {
		return
	}
	known := map[string]Registry{}
	for _, r := range s.Others {
		for _, source := range r.Sources {
			if r.Ecosystem == l.Format.Ecosystem() {
				known[lockfile.RegistryKey(source)] = r
			}
		}
	}
	for i := range l.Entries {
		source := &l.Entries[i].Source
		if source.Kind != lockfile.Registry || source.URL == "" {
			continue
		}
		switch r, ok := known[lockfile.RegistryKey(source.URL)]; {
		case ok && r.Mirror:
			*source = lockfile.Source{Kind: lockfile.Registry}
		case ok:
			source.URL = r.source()
		}
	}
}

// notConfigured says of a package from a registry that nobody has configured what
// would help.
func (j *judgement) notConfigured() {
	e := j.change.New
	for _, r := range j.scanner.Others {
		if r.Ecosystem == e.Package.Ecosystem && r.source() == e.Source.URL {
			j.unverified("comes from the registry "+r.Name+", which is not asked for public repositories", "registry "+e.Source.URL, e.Source.String(),
				"if everybody may see what it serves, whoever runs Lockkeeper sets public = true in its table [[registry]]")
			return
		}
	}
	source := lockfile.ForPeople(e.Source.URL)
	if e.Package.Ecosystem == lockkeeper.Cargo && !strings.HasPrefix(source, "sparse+") {
		source = "registry+" + source
	}
	j.unverified("comes from a registry that is not configured", "registry "+e.Source.URL, e.Source.String(),
		fmt.Sprintf("if it is yours, whoever runs Lockkeeper adds a table [[registry]] with ecosystem = %q and sources = [%q] to its configuration", e.Package.Ecosystem, source))
}

// judgeUnknown says what a registry of one's own, or a mirror, does not tell of a
// release. For the public registries it is said where times are missing, which they
// tell of every release.
func (j *judgement) judgeUnknown(release *registry.Release) {
	if j.change.Kind == lockfile.Altered {
		return
	}
	name := j.home.inPolicy(j.change.New.Package.Ecosystem)
	nobody := j.home.name != "" && !j.publisher.Known() && j.finding(policy.PublisherChanged) < 0 && j.finding(policy.PublisherDowngraded) < 0
	var what string
	switch timeless := release.Published.IsZero(); {
	case name == "" || !nobody && !timeless:
		return
	case nobody && timeless:
		what = "who published it and when"
	case nobody:
		what = "who published it"
	default:
		what = "when it was published"
	}
	j.add(policy.Finding{
		Rule: policy.Unverified, Registry: name, Unknown: true, Subject: "unknown: " + what,
		Message:  fmt.Sprintf("comes from the registry %s, which does not tell %s", name, what),
		Evidence: []string{fmt.Sprintf("what that asks for is up to the policy: [registries.%s] unknown", name)},
	})
}

// finding is the index of the first one of the rule; -1 where there is none.
func (j *judgement) finding(rule policy.Rule) int {
	return slices.IndexFunc(j.findings, func(f policy.Finding) bool { return f.Rule == rule })
}

// saysWhere reports whether a format names the registry of each package. Of the
// others an entry counts as the public registry's until a registry of one's own has
// it: which index is asked is in the settings of whoever installs.
func saysWhere(f lockfile.Format) bool {
	return f == lockfile.Cargo || f == lockfile.UV || f == lockfile.Poetry
}

// lookBeside asks the registries of one's own about a package that counts as the
// public registry's, and reports whether there is more to look at.
//
// One that serves exactly what is locked is where it comes from, if the lockfile does
// not say so itself. One that serves something else under that name is named: whoever
// registers the name with the public registry decides what is installed. Only the
// registries of one's own are asked here; they may know which public packages are in
// use, but the public one is not to hear of theirs.
func (j *judgement) lookBeside(ctx context.Context) (goOn bool) {
	c, says := j.change, saysWhere(j.pair.new.Format)
	comes := c.Kind == lockfile.Added || c.Kind == lockfile.Moved
	if !c.New.Source.Public() || says && !comes {
		return true
	}
	confused := confusion{comes: comes}
	for _, r := range j.scanner.Others {
		if r.Ecosystem != c.New.Package.Ecosystem || r.Mirror || r.Client == nil {
			continue
		}
		project, err := r.Client.Project(ctx, c.New.Package.Name)
		switch {
		case errors.Is(err, registry.ErrNotFound):
		case err != nil:
			j.trouble(fmt.Sprintf("could not be looked up in the registry %s, which may serve a package of that name", r.Name), "beside "+r.Name, err)
			if !says {
				return false // the name may be one of its own
			}
		case serves(project, c.New):
			if !says {
				j.home = home{name: r.Name, client: r.Client}
				return true
			}
			// A proxy, or a copy: the same bytes.
		default:
			confused.with(r.Name, project)
		}
	}
	if len(confused.names) == 0 {
		return true
	}
	j.addConfusion(confused)
	return says
}

// confusion is what registries of one's own serve under the name of a package that
// counts as public.
type confusion struct {
	comes    bool // the package is new here, or was not public before
	names    []string
	evidence []string
}

func (c *confusion) with(name string, p *registry.Project) {
	c.names = append(c.names, name)
	c.evidence = append(c.evidence, fmt.Sprintf("%s serves a package %s: %s (dependency confusion)", name, p.Name, versionsText(p)))
}

func (j *judgement) addConfusion(c confusion) {
	subject := "confusion " + strings.Join(c.names, " ")
	all := strings.Join(c.names, " and ")
	switch i := j.finding(policy.SourceChanged); {
	case i >= 0: // one question about where it comes from
		j.findings[i].Evidence = append(j.findings[i].Evidence, c.evidence...)
		j.findings[i].Subject += "\n" + subject
	case saysWhere(j.pair.new.Format):
		j.add(policy.Finding{
			Rule: policy.SourceChanged, Subject: subject, Evidence: c.evidence,
			Message: "comes from the public registry, where anybody may publish, under the name of a package that " + all + " serves",
		})
	case len(j.change.New.Files) == 0:
		j.unverified("is locked without a hash, and may come from "+all+" or from the public registry", subject,
			append(c.evidence, "lock it with --hash, or in a format that names the registry")...)
	default:
		j.unverified("has the name of a package that "+all+" serves, and is none of its files; the public registry is not asked for it", subject,
			append(c.evidence, "lock it in a format that names the registry, if it is meant to be public")...)
	}
}

// serves reports whether the project has every file that the entry locks.
func serves(p *registry.Project, e *lockfile.Entry) bool {
	release := p.Release(e.Package.Version)
	if release == nil || len(e.Files) == 0 {
		return false
	}
	have := map[lockkeeper.Digest]bool{}
	for _, a := range release.Artifacts {
		have[a.Digest] = true
	}
	for _, f := range e.Files {
		if f.Digest == "" || !have[f.Digest] {
			return false
		}
	}
	return true
}

// versionsText names the newest few versions of a project.
func versionsText(p *registry.Project) string {
	const few = 3
	var versions []string
	for _, r := range p.Releases {
		versions = append(versions, r.Package.Version)
	}
	slices.SortFunc(versions, func(a, b string) int { return lockfile.Compare(p.Ecosystem, b, a) })
	if more := len(versions) - few; more > 0 {
		versions = append(versions[:few], fmt.Sprintf("%d more", more))
	}
	if len(versions) == 0 {
		return "no versions"
	}
	return strings.Join(versions, ", ")
}

// movedFrom says what a move from a registry to the public one means.
func movedFrom(old, now lockfile.Source) []string {
	if old.Kind != lockfile.Registry || old.Public() || !now.Public() {
		return nil
	}
	return []string{"a public package where a private registry served one of this name before (dependency confusion): anybody may publish under a name that is free there"}
}
