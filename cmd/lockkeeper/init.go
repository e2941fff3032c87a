package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/allowlist"
	"github.com/lockkeeper/lockkeeper/gitrepo"
	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/lockfile/formats"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/report"
)

type initCmd struct {
	Offline bool   `help:"Do not look at the packages themselves; nothing is fetched."`
	Repo    string `short:"C" help:"Repository, or a directory in it." default:"." placeholder:"DIR" type:"path"`
	Color   string `help:"auto (on terminals, unless NO_COLOR is set), always or never." enum:"auto,always,never" default:"auto"`
	engineFlags
}

func (initCmd) Help() string {
	return `Shows the lockfiles that are here and which of their packages run code while they are
built, then writes two commented files that you commit: .lockkeeper/policy.toml and
.lockkeeper/allow.toml. A file that is there already is left as it is.

Examples:
  lockkeeper init
  lockkeeper init --offline        only write the files`
}

func (c *initCmd) Run(p *process) error {
	repo, err := gitrepo.Open(p.ctx, c.Repo)
	if err != nil {
		return err
	}
	found, err := describeLockfiles(p.ctx, repo.WorkTree())
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return fmt.Errorf("there is no lockfile in %s, so there is nothing to keep. Lockkeeper reads %s; commit one, then run lockkeeper init again", printable(repo.Root()), knownNames)
	}
	c.say(p, "Lockfiles here:\n  %s\n\n", strings.Join(several(found), "\n  "))
	if !c.Offline {
		if err := c.show(p); err != nil {
			return err
		}
	}
	for _, file := range []struct{ path, text, what string }{
		{policy.Path, policy.Template, "what asks for a sign-off, and who may give it"},
		{allowlist.Path, allowlist.Template, "what was accepted, empty for now"},
	} {
		switch err := writeNew(filepath.Join(repo.Root(), filepath.FromSlash(file.path)), file.text); {
		case errors.Is(err, fs.ErrExist):
			c.say(p, "There already, left as it is: %s\n", file.path)
		case err != nil:
			return err
		default:
			c.say(p, "Wrote %s: %s\n", file.path, file.what)
		}
	}
	c.say(p, `
What is locked now is taken as given; from here on, changes are looked at. Next:
  git add .lockkeeper && git commit -m "Keep our lockfiles"
  lockkeeper scan        # after the next update, before you push
`)
	return nil
}

func (c *initCmd) say(p *process, format string, args ...any) {
	if !p.quiet {
		fmt.Fprintf(p.stdout, format, args...)
	}
}

// show is what runs code now.
func (c *initCmd) show(p *process) error {
	r, err := c.judgeAll(p, c.Repo, "")
	if err != nil {
		return fmt.Errorf("%w (lockkeeper init --offline writes the files without a look at the packages)", err)
	}
	if p.quiet {
		return nil
	}
	var b bytes.Buffer
	if err := report.Audit(&b, r, outputFlags{Color: c.Color}.textOptions(p)); err != nil {
		return err
	}
	b.WriteString("\n")
	_, err = p.stdout.Write(b.Bytes())
	return err
}

// describeLockfiles names the lockfiles of a tree, with their format and how many
// packages they lock, or why they cannot be read.
func describeLockfiles(ctx context.Context, t *gitrepo.WorkTree) ([]string, error) {
	files, err := t.Files(ctx)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, f := range files {
		format, ok := lockfile.FormatOf(f.Path)
		if !ok || f.Mode != lockkeeper.Regular {
			continue
		}
		data, err := t.Read(ctx, f, lockfile.MaxSize)
		if err != nil {
			return nil, err
		}
		parsed, err := formats.Parse(format, f.Path, data)
		if err != nil {
			found = append(found, printable(fmt.Sprintf("%s  cannot be read: %v", f.Path, err)))
			continue
		}
		found = append(found, printable(fmt.Sprintf("%s  %s, %d packages", f.Path, format, len(parsed.Entries))))
	}
	return found, nil
}

// writeNew writes a file that is not there yet.
func writeNew(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	return errors.Join(err, file.Close())
}
