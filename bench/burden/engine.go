package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/registry"
	"github.com/lockkeeper/lockkeeper/registry/cratesio"
	"github.com/lockkeeper/lockkeeper/registry/fetch"
	"github.com/lockkeeper/lockkeeper/registry/provenance"
	"github.com/lockkeeper/lockkeeper/registry/pypi"
	"github.com/lockkeeper/lockkeeper/registry/registrytest"
	"github.com/lockkeeper/lockkeeper/replay"
	"github.com/lockkeeper/lockkeeper/scan"
)

// engine is the real pipeline, asking registries on loopback.
type engine struct {
	scanner *scan.Scanner
	rules   *policy.Policy
	fetched lockkeeper.Digest   // over the names of Python's files that entries were reduced to
	known   map[string]*release // by locked entry; nil: has no build-time code
}

// newEngine serves nothing itself: server was started, and is closed, by the
// caller. settled: yanks of the registries are those of today and are not taken
// for those of the change's day. remembered may be nil.
func newEngine(server *registrytest.Server, rules *policy.Policy, remembered scan.Facts, settled bool) (*engine, error) {
	plumbing := fetch.Config{Version: "burden", Contact: "burden@example.invalid"}
	crates, err := cratesio.New(cratesio.Config{
		Index: server.Index(), Static: server.Static(), API: server.API(), Budget: unlimited{}, Fetch: plumbing,
	})
	if err != nil {
		return nil, err
	}
	verifier, err := provenance.New(server.TrustRoot())
	if err != nil {
		return nil, err
	}
	python, err := pypi.New(pypi.Config{PyPI: server.PyPI(), Files: server.Files(), Verifier: verifier, Fetch: plumbing})
	if err != nil {
		return nil, err
	}
	e := &engine{rules: rules, known: map[string]*release{}}
	e.scanner = &scan.Scanner{
		Registries: map[lockkeeper.Ecosystem]registry.Client{
			lockkeeper.Cargo: &replay.Settled{Client: crates, WithYanks: !settled}, lockkeeper.PyPI: &replay.Settled{Client: python, WithYanks: !settled},
		},
		Facts: remembered,
	}
	return e, nil
}

// unlimited is a rate budget for a registry of our own.
type unlimited struct{}

func (unlimited) Wait(ctx context.Context) error { return ctx.Err() }

// facts is a directory of what analysis found, named by the digest of the key. It is
// good for one state of the analysers' sources alone: another one finds other things
// in the same archive.
type facts string

func (f facts) path(key string) string {
	return filepath.Join(string(f), lockkeeper.Sum([]byte(key)).Hex()+".json")
}

// Fact returns what was put under key.
func (f facts) Fact(_ context.Context, key string) ([]byte, bool, error) {
	data, err := os.ReadFile(f.path(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	return data, err == nil, err
}

// PutFact keeps value under key, whole or not at all: runs may be broken off.
func (f facts) PutFact(_ context.Context, key string, value []byte) error {
	temporary, err := os.CreateTemp(string(f), "part")
	if err != nil {
		return err
	}
	_, err = temporary.Write(value)
	if err = errors.Join(err, temporary.Close()); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), f.path(key))
}

// scan runs the pipeline on one change, or remembers what it found: neither the
// allowlist nor a rule's level has a part in that.
func (e *engine) scan(ctx context.Context, c replay.Change) (*scan.Result, error) {
	key, err := e.scanKey(ctx, c)
	if err != nil {
		return nil, err
	}
	if e.scanner.Facts != nil {
		var result scan.Result
		if value, ok, err := e.scanner.Facts.Fact(ctx, key); err == nil && ok && json.Unmarshal(value, &result) == nil {
			return &result, nil
		}
	}
	result, err := replay.Scan(ctx, e.scanner, c, e.rules)
	if err != nil || e.scanner.Facts == nil {
		return result, err
	}
	value, err := json.Marshal(result)
	if err != nil {
		return nil, err
	}
	return result, e.scanner.Facts.PutFact(ctx, key, value)
}

// scanKey names all that decides what a scan finds, but for the registries.
func (e *engine) scanKey(ctx context.Context, c replay.Change) (string, error) {
	key := fmt.Sprint("scan ", e.fetched, c.When, e.rules.Days(policy.ReleaseTooNew), e.rules.Days(policy.EdgeToYoungPackage))
	for _, t := range []scan.Tree{c.Base, c.Head} {
		files, err := t.Files(ctx)
		if err != nil {
			return "", err
		}
		slices.SortFunc(files, func(a, b lockkeeper.TreeFile) int { return strings.Compare(a.Path, b.Path) })
		for _, f := range files {
			key += fmt.Sprintf("\n%q %s %s", f.Path, f.Blob, f.Mode)
		}
	}
	return key, nil
}

// release is a locked release that has build-time code, start-up hooks included.
type release struct {
	ecosystem     lockkeeper.Ecosystem
	name, version string
	code          lockkeeper.Digest // over all of its build-time code
}

// releases are all with build-time code that a tree locks, as the same engine sees
// them in a repository where everything is new.
func (e *engine) releases(ctx context.Context, c replay.Change) ([]release, error) {
	locks, err := lockfiles(ctx, c.Head)
	if err != nil {
		return nil, err
	}
	var keys []string
	for _, l := range locks {
		for _, entry := range l.Entries {
			keys = append(keys, entryKey(entry))
		}
	}
	if slices.ContainsFunc(keys, func(key string) bool { _, known := e.known[key]; return !known }) {
		if err := e.look(ctx, c, locks); err != nil {
			return nil, err
		}
	}
	slices.Sort(keys)
	var all []release
	for _, key := range slices.Compact(keys) {
		if r := e.known[key]; r != nil {
			all = append(all, *r)
		}
	}
	return all, nil
}

// entryKey names a locked entry by all that is locked of it.
func entryKey(e lockfile.Entry) string {
	return fmt.Sprint(e.Package, e.Source, e.Files)
}

// look fills e.known for all that a tree locks.
func (e *engine) look(ctx context.Context, c replay.Change, locks []locked) error {
	result, err := e.scan(ctx, replay.Change{Name: c.Name, When: c.When, Base: memory{}, Head: c.Head})
	if err != nil {
		return err
	}
	digests := map[lockkeeper.Package][]string{}
	for _, f := range result.Findings {
		if f.Code != nil && f.Code.Digest != "" && (f.Rule == policy.BuildCodeAdded || f.Rule == policy.StartupHook) {
			digests[f.Package] = append(digests[f.Package], string(f.Code.Digest))
		}
	}
	for _, l := range locks {
		for _, entry := range l.Entries {
			p := entry.Package
			e.known[entryKey(entry)] = nil
			if code := digests[p]; len(code) > 0 {
				slices.Sort(code)
				e.known[entryKey(entry)] = &release{p.Ecosystem, p.Name, p.Version, lockkeeper.Sum([]byte(strings.Join(slices.Compact(code), "\n")))}
			}
		}
	}
	return nil
}
