package scan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/registry"
)

// judgeEdges finds dependencies that an existing package gained on packages that
// are themselves days old: the shape of a takeover that hides its code one step
// away.
func (j *judgement) judgeEdges(ctx context.Context) {
	if j.change.Kind != lockfile.Updated || j.change.Old == nil {
		return
	}
	had := map[string]bool{}
	for _, e := range j.change.Old.Edges {
		had[e.Name] = true
	}
	days := j.policy.Days(policy.EdgeToYoungPackage)
	var asked []string
	for _, edge := range j.change.New.Edges {
		at := j.homeOfEdge(edge)
		if had[edge.Name] || slices.Contains(asked, edge.Name) || at.client == nil {
			continue
		}
		asked = append(asked, edge.Name)
		first, err := firstPublished(ctx, at.client, edge.Name)
		if err != nil {
			if errors.Is(err, registry.ErrNotFound) {
				continue // its own entry in the lockfile reports it as missing
			}
			j.trouble(fmt.Sprintf("now depends on %s, whose age could not be found out", edge.Name), "edge "+edge.Name, err)
			continue
		}
		if first.IsZero() {
			name := at.inPolicy(j.change.New.Package.Ecosystem)
			j.add(policy.Finding{
				Rule: policy.Unverified, Registry: name, Unknown: name != "", Subject: "edge " + edge.Name,
				Message: fmt.Sprintf("now depends on %s, whose age the registry does not tell", edge.Name),
			})
			continue
		}
		if age := j.now.Sub(first); age < time.Duration(days)*24*time.Hour {
			message := fmt.Sprintf("now depends on %s, whose first release is %s old", edge.Name, ageText(age))
			if len(j.change.Old.Edges) == 0 && j.pair.old.Format == j.pair.new.Format {
				message = fmt.Sprintf("has its first dependency ever in this lockfile: %s, whose first release is %s old", edge.Name, ageText(age))
			}
			f := policy.Finding{
				Rule: policy.EdgeToYoungPackage, Message: message, Subject: "edge " + edge.Name,
				Evidence: []string{fmt.Sprintf("%s was first published %s", edge.Name, first.UTC().Format("2006-01-02 15:04 MST"))},
			}
			if edge.Entry >= 0 {
				to := &j.pair.new.Entries[edge.Entry]
				f.To, f.ToArtifact = to.Package, lockedDigest(to)
			}
			j.add(f)
		}
	}
}

// homeOfEdge is the registry whose package the edge leads to. Workspace members and
// git repositories have no age anywhere, and neither have packages of registries
// that are not known: their names are nobody else's business.
func (j *judgement) homeOfEdge(e lockfile.Edge) home {
	if e.Entry >= 0 {
		return j.scanner.homeOf(&j.pair.new.Entries[e.Entry])
	}
	// Not resolved to one entry: several fit, or none, and then it is not installed.
	for i := range j.pair.new.Entries {
		if other := &j.pair.new.Entries[i]; other.Package.Name == e.Name {
			if at := j.scanner.homeOf(other); at.client != nil {
				return at
			}
		}
	}
	return home{}
}

// firstPublished is when the oldest release of a name appeared. Where the list
// of releases has no times, the publications may.
func firstPublished(ctx context.Context, client registry.Client, name string) (time.Time, error) {
	project, err := client.Project(ctx, name)
	if err != nil {
		return time.Time{}, err
	}
	first := project.First()
	if !first.IsZero() && len(project.Releases) > 0 && !slices.ContainsFunc(project.Releases, func(r registry.Release) bool { return r.Published.IsZero() }) {
		return first, nil
	}
	versions := make([]string, len(project.Releases))
	for i, r := range project.Releases {
		versions[i] = r.Package.Version
	}
	publications, err := client.Publications(ctx, name, versions)
	if err != nil {
		return time.Time{}, err
	}
	for _, p := range publications {
		if !p.Published.IsZero() && (first.IsZero() || p.Published.Before(first)) {
			first = p.Published
		}
	}
	return first, nil
}
