package store

import (
	"bytes"
	"database/sql"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/store/storetest/pgtest"
)

// kinds are the two databases, with what makes an empty one.
var kinds = []struct {
	name  string
	d     dialect
	fresh func(testing.TB) string
}{
	{"SQLite", sqlite, func(t testing.TB) string { return filepath.Join(t.TempDir(), "lockkeeper.db") }},
	{"PostgreSQL", postgres, pgtest.New},
}

// raw is the database at location as it is.
func raw(t *testing.T, location string) *sql.DB {
	t.Helper()
	driver, source := "sqlite", dataSource(location, "")
	if IsPostgres(location) {
		driver, source = "pgx", location
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// columns lists the tables of the store with their columns, and whether those may
// be NULL.
func columns(t *testing.T, db *sql.DB, d dialect) map[string][]string {
	t.Helper()
	query := `SELECT m.name, c.name, c."notnull" = 0 FROM sqlite_master m, pragma_table_info(m.name) c
		WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'`
	if d.goose == postgres.goose {
		query = `SELECT table_name, column_name, is_nullable = 'YES' FROM information_schema.columns WHERE table_schema = 'public'`
	}
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	all := map[string][]string{}
	for rows.Next() {
		var table, column string
		var null bool
		if err := rows.Scan(&table, &column, &null); err != nil {
			t.Fatal(err)
		}
		if table == "goose_db_version" {
			continue
		}
		if null {
			column += " NULL"
		}
		all[table] = append(all[table], column)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		slices.Sort(c)
	}
	return all
}

// dump is the content of the given columns.
func dump(t *testing.T, db *sql.DB, tables map[string][]string) map[string][]string {
	t.Helper()
	content := map[string][]string{}
	for table, columns := range tables {
		var names []string
		for _, c := range columns {
			names = append(names, strings.TrimSuffix(c, " NULL"))
		}
		rows, err := db.QueryContext(t.Context(), "SELECT "+strings.Join(names, ", ")+" FROM "+table)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			values := make([]any, len(names))
			into := make([]any, len(names))
			for i := range values {
				into[i] = &values[i]
			}
			if err := rows.Scan(into...); err != nil {
				t.Fatal(err)
			}
			content[table] = append(content[table], written(values))
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		slices.Sort(content[table])
	}
	return content
}

// written is a row as text, the same for both databases.
func written(values []any) string {
	words := make([]string, len(values))
	for i, v := range values {
		switch v := v.(type) {
		case []byte:
			words[i] = strconv.Quote(string(v))
		case string:
			words[i] = strconv.Quote(v)
		case bool:
			words[i] = map[bool]string{false: "0", true: "1"}[v]
		default:
			words[i] = fmt.Sprint(v)
		}
	}
	return strings.Join(words, " ")
}

// A database of each earlier version, with rows in every table, comes out with all
// of them.
func TestMigrateFromEachVersion(t *testing.T) {
	for _, kind := range kinds {
		files, err := filepath.Glob("testdata/rows/*.sql")
		if err != nil {
			t.Fatal(err)
		}
		for version := 1; version <= len(files); version++ {
			t.Run(fmt.Sprint(kind.name, " ", version), func(t *testing.T) {
				location := kind.fresh(t)
				db := raw(t, location)
				p, err := migrator(db, kind.d)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := p.UpTo(t.Context(), int64(version)); err != nil {
					t.Fatal(err)
				}
				for _, file := range files[:version] {
					rows, err := os.ReadFile(file)
					if err != nil {
						t.Fatal(err)
					}
					if _, err := db.ExecContext(t.Context(), string(rows)); err != nil {
						t.Fatalf("%s: %v", file, err)
					}
				}
				tables := columns(t, db, kind.d)
				before := dump(t, db, tables)
				for table := range tables {
					if len(before[table]) == 0 {
						t.Errorf("no row in %s: add it to testdata/rows/%04d.sql", table, version)
					}
				}
				s, err := Open(t.Context(), location)
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				if diff := cmp.Diff(before, dump(t, db, tables)); diff != "" {
					t.Errorf("rows (-before +after):\n%s", diff)
				}
				current, target, err := p.GetVersions(t.Context())
				if err != nil || current != target || target != int64(len(files)) {
					t.Errorf("version %d of %d, %v; rows of %d versions are in testdata", current, target, err, len(files))
				}
				said, err := s.Statements(t.Context(), 1, []lockkeeper.Digest{lockkeeper.Sum(nil)})
				if err != nil || len(said) != 2 {
					t.Errorf("statements %+v, %v; want two", said, err)
				}
				scan, found, err := s.GetScan(t.Context(), 1, 7)
				if err != nil || !found || string(scan.Result) != `{"title":"x"}` {
					t.Errorf("scan %+v, %v, %v", scan, found, err)
				}
			})
		}
	}
}

// Both databases have the same tables.
func TestOneSchema(t *testing.T) {
	var schemas []map[string][]string
	for _, kind := range kinds {
		location := kind.fresh(t)
		s, err := Open(t.Context(), location)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		schema := columns(t, s.DB(), kind.d)
		// SQLite does not list the primary key that counts up as NOT NULL.
		for table := range schema {
			for i, c := range schema[table] {
				if c == "id NULL" {
					schema[table][i] = "id"
				}
			}
			slices.Sort(schema[table])
		}
		schemas = append(schemas, schema)
	}
	if diff := cmp.Diff(schemas[0], schemas[1]); diff != "" {
		t.Errorf("schemas (-SQLite +PostgreSQL):\n%s", diff)
	}
	if len(schemas[0]) < 10 {
		t.Errorf("tables %q, want more", slices.Sorted(maps.Keys(schemas[0])))
	}
}

// During an upgrade the old version goes on with what the new one has migrated, and
// may be started again.
func TestOlderVersionOnNewerTables(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			location := kind.fresh(t)
			for _, newer := range []bool{false, true} {
				var log bytes.Buffer
				s, err := Open(zerolog.New(&log).WithContext(t.Context()), location)
				if err != nil {
					t.Fatal(err)
				}
				if says := strings.Contains(log.String(), "newer version"); says != newer {
					t.Errorf("on tables that are newer (%v) the log is %q", newer, &log)
				}
				if _, err := s.db.ExecContext(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, TRUE)`); err != nil {
					t.Fatal(err)
				}
				if err := s.PutFact(t.Context(), "k", nil); err != nil {
					t.Error(err)
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
