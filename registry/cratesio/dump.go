package cratesio

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"time"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/registry"
)

// Bounds of a dump, some ten times what the real one has.
const (
	maxDumpRows  = 20_000_000 // of one table
	maxDumpField = 1 << 20    // bytes; longer ones are of columns that are not read
)

// Dump is what crates.io's daily dump says of owners.
type Dump struct {
	// Made is when the dump was made, by the name of its directory.
	Made time.Time
	// Terms of the present owners by package id, "cargo/ring", with the time at
	// which each became one.
	Terms map[string][]registry.Term
}

// ReadDump reads crates.io's database dump, db-dump.tar.gz (rust-lang/crates.io:
// crates/crates_io_database_dump): the tables crates, crate_owners, users and teams
// as CSV. Owners who were removed are not in it.
func ReadDump(ctx context.Context, r io.Reader) (*Dump, error) {
	unzipped, err := gzip.NewReader(bufio.NewReader(r))
	if err != nil {
		return nil, fmt.Errorf("read dump: %w; want the db-dump.tar.gz of crates.io", err)
	}
	d := &dump{crates: map[string]string{}, logins: map[lockkeeper.PrincipalKind]map[string]string{lockkeeper.User: {}, lockkeeper.Team: {}}}
	files := tar.NewReader(unzipped)
	for {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read dump: %w", err)
		}
		table, wanted := d.tables()[path.Base(h.Name)]
		if h.Typeflag != tar.TypeReg || path.Base(path.Dir(h.Name)) != "data" || !wanted {
			continue
		}
		if made, err := time.Parse("2006-01-02-150405", path.Base(path.Dir(path.Dir(h.Name)))); err == nil {
			d.made = made
		}
		if err := table.read(ctx, files); err != nil {
			return nil, fmt.Errorf("read %s of the dump: %w", h.Name, err)
		}
	}
	return d.join()
}

type dump struct {
	made   time.Time
	crates map[string]string                              // names by id
	logins map[lockkeeper.PrincipalKind]map[string]string // by id
	owners []dumpOwner
	seen   int // tables
}

type dumpOwner struct {
	crate string
	owner lockkeeper.Principal
	since time.Time
}

// dumpTable is a file and the columns that are read of it.
type dumpTable struct {
	dump    *dump
	columns []string
	row     func(fields []string) error
}

func (d *dump) tables() map[string]dumpTable {
	login := func(kind lockkeeper.PrincipalKind) func([]string) error {
		return func(f []string) error {
			d.logins[kind][f[0]] = f[1]
			return nil
		}
	}
	return map[string]dumpTable{
		"crates.csv":       {d, []string{"id", "name"}, func(f []string) error { d.crates[f[0]] = f[1]; return nil }},
		"users.csv":        {d, []string{"id", "gh_login"}, login(lockkeeper.User)},
		"teams.csv":        {d, []string{"id", "login"}, login(lockkeeper.Team)},
		"crate_owners.csv": {d, []string{"crate_id", "owner_id", "owner_kind", "created_at"}, d.owner},
	}
}

// owner kinds of crates.io's tables.
var ownerKinds = map[string]lockkeeper.PrincipalKind{"0": lockkeeper.User, "1": lockkeeper.Team}

func (d *dump) owner(f []string) error {
	kind, known := ownerKinds[f[2]]
	if _, err := strconv.ParseUint(f[1], 10, 63); err != nil || !known {
		return fmt.Errorf("owner %.40q of kind %.40q", f[1], f[2])
	}
	since, err := dumpTime(f[3])
	if err != nil {
		return err
	}
	d.owners = append(d.owners, dumpOwner{f[0], lockkeeper.Principal{Kind: kind, ID: f[1]}, since})
	return nil
}

// dumpTime reads a timestamp as PostgreSQL writes it, with or without a zone.
func dumpTime(text string) (time.Time, error) {
	for _, layout := range []string{"2006-01-02 15:04:05.999999-07", "2006-01-02 15:04:05.999999"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("time %.40q", text)
}

func (t dumpTable) read(ctx context.Context, r io.Reader) error {
	rows := csv.NewReader(r)
	rows.ReuseRecord = true
	head, err := rows.Read()
	if err != nil {
		return err
	}
	at := make([]int, len(t.columns))
	for i, want := range t.columns {
		at[i] = -1
		for n, name := range head {
			if name == want {
				at[i] = n
			}
		}
		if at[i] < 0 {
			return fmt.Errorf("there is no column %q", want)
		}
	}
	fields := make([]string, len(at))
	for n := 0; ; n++ {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			t.dump.seen++
			return nil
		}
		if err != nil {
			return err
		}
		if n >= maxDumpRows {
			return fmt.Errorf("more than %d rows", maxDumpRows)
		}
		if n%10_000 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		for i, from := range at {
			if len(row[from]) > maxDumpField {
				return fmt.Errorf("row %d: a %s of %d bytes", n+2, t.columns[i], len(row[from]))
			}
			// A copy: the row is part of a larger string.
			fields[i] = string([]byte(row[from]))
		}
		if err := t.row(fields); err != nil {
			return fmt.Errorf("row %d: %w", n+2, err)
		}
	}
}

func (d *dump) join() (*Dump, error) {
	if d.seen != 4 || d.made.IsZero() {
		return nil, errors.New("read dump: the tables crates, crate_owners, users and teams are not all in it; want the db-dump.tar.gz of crates.io")
	}
	out := &Dump{Made: d.made, Terms: map[string][]registry.Term{}}
	for _, o := range d.owners {
		name := d.crates[o.crate]
		if checkName(name) != nil {
			continue // the crate was deleted while the dump was made
		}
		id := lockkeeper.Package{Ecosystem: lockkeeper.Cargo, Name: name}.ID()
		o.owner.Login = d.logins[o.owner.Kind][o.owner.ID]
		out.Terms[id] = append(out.Terms[id], registry.Term{Owner: o.owner, Since: o.since})
	}
	return out, nil
}
