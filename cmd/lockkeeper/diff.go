package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/lockfile/formats"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/scan"
)

type diffCmd struct {
	Old string `arg:"" help:"Lockfile before. An empty file or /dev/null means that there was none." type:"path"`
	New string `arg:"" help:"Lockfile after." type:"path"`
	As  string `help:"Read both as a file of this name where their own names do not tell the format." placeholder:"NAME"`
	outputFlags
	engineFlags
}

func (diffCmd) Help() string {
	return `The default policy applies, or that of --organisation-policy, and there is no
allowlist. The same as: lockkeeper scan OLD NEW

Examples:
  lockkeeper diff old/Cargo.lock new/Cargo.lock
  lockkeeper diff requirements.txt uv.lock
  lockkeeper diff --as poetry.lock before.txt after.txt`
}

func (c *diffCmd) Run(p *process) error {
	name := c.As
	if name == "" {
		name = filepath.Base(c.New)
	}
	if _, ok := lockfile.FormatOf(name); !ok {
		return usageError{fmt.Errorf("%s is not the name of a lockfile: say which it is, for example --as Cargo.lock", name)}
	}
	sides := []diskFile{{name: name}, {name: name}}
	if _, ok := lockfile.FormatOf(filepath.Base(c.Old)); ok && c.As == "" {
		sides[0].name = filepath.Base(c.Old)
	}
	for i, path := range []string{c.Old, c.New} {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if format, _ := lockfile.FormatOf(sides[i].name); len(data) > 0 {
			if _, err := formats.Parse(format, path, data); err != nil {
				return fmt.Errorf("cannot be read as a %s lockfile: %w", format, err)
			}
		}
		sides[i].data = data
	}
	organisation, err := c.organisation()
	if err != nil {
		return err
	}
	scanner, err := c.scanner(p)
	if err != nil {
		return err
	}
	// A repository that keeps no policy holds nothing; whoever compares two files
	// wants to know what would be held.
	change := &change{base: sides[0], head: sides[1], baseName: c.Old, headName: c.New, rules: scan.Rules{Policy: policy.Default(), Onboarded: true}.Under(organisation)}
	change.compared = "a change from " + shown(c.Old) + " to " + shown(c.New) + ", by the default policy and without an allowlist."
	r, err := change.judge(p, scanner)
	if err != nil {
		return err
	}
	r.Command = "lockkeeper scan " + shown(c.Old) + " " + shown(c.New)
	return c.write(p, r)
}

// shown is a path as it is shortest: from the working directory, or whole.
func shown(path string) string {
	if dir, err := os.Getwd(); err == nil {
		if relative, err := filepath.Rel(dir, path); err == nil && len(relative) < len(path) {
			path = relative
		}
	}
	return printable(path)
}

// diskFile is a revision that holds one file. An empty one holds none.
type diskFile struct {
	name string
	data []byte
}

func (d diskFile) Files(context.Context) ([]lockkeeper.TreeFile, error) {
	if len(d.data) == 0 {
		return nil, nil
	}
	return []lockkeeper.TreeFile{{Path: d.name, Blob: string(lockkeeper.Sum(d.data)), Mode: lockkeeper.Regular, Size: int64(len(d.data))}}, nil
}

func (d diskFile) Read(_ context.Context, f lockkeeper.TreeFile, limit int64) ([]byte, error) {
	if f.Size > limit {
		return nil, fmt.Errorf("%s has more than %d bytes", f.Path, limit)
	}
	return d.data, nil
}
