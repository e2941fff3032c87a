// Package stage marks the parts of a job, so that somebody can measure them. The
// observer comes with the context; without one a mark costs nothing. The names are
// a short, fixed list: they become labels of metrics.
package stage

import "context"

// Name of a part of a job. They lie within each other: a scan consists of
// lockfiles, changes and linked, and the changes of the rest.
type Name string

const (
	Job       Name = "job"       // one run of a job, all of it
	Read      Name = "read"      // base, head, policy and allowlist from GitHub
	Scan      Name = "scan"      // from two revisions to findings
	Lockfiles Name = "lockfiles" // finding, reading and comparing them
	Changes   Name = "changes"   // a look at every change
	Linked    Name = "linked"    // a look at what is linked into build code
	Metadata  Name = "metadata"  // the registry's answer about one package
	Archive   Name = "archive"   // bringing one archive
	Analyse   Name = "analyse"   // its build-time code
	Decide    Name = "decide"    // what people said, and the decision
	Write     Name = "write"     // check run and comment
)

// Names are all of them.
var Names = []Name{Job, Read, Scan, Lockfiles, Changes, Linked, Metadata, Archive, Analyse, Decide, Write}

// Observer is told of stages.
type Observer interface {
	// Begin is called when a stage begins, end with its error when it ends. Stages
	// within it get the context that is returned. attributes are pairs of a name and
	// a value, for people.
	Begin(ctx context.Context, name Name, attributes ...string) (within context.Context, end func(error))
}

type key struct{}

// With has o observe the stages of ctx; nil is nobody.
func With(ctx context.Context, o Observer) context.Context {
	if o == nil {
		return ctx
	}
	return context.WithValue(ctx, key{}, o)
}

// Begin marks the beginning of a stage; call end when it ends.
func Begin(ctx context.Context, name Name, attributes ...string) (within context.Context, end func(error)) {
	if o, ok := ctx.Value(key{}).(Observer); ok {
		return o.Begin(ctx, name, attributes...)
	}
	return ctx, func(error) {}
}

// Both tells two observers.
type Both [2]Observer

// Begin tells the first one first of the beginning, and last of the end.
func (b Both) Begin(ctx context.Context, name Name, attributes ...string) (context.Context, func(error)) {
	ctx, first := b[0].Begin(ctx, name, attributes...)
	ctx, second := b[1].Begin(ctx, name, attributes...)
	return ctx, func(err error) {
		second(err)
		first(err)
	}
}
