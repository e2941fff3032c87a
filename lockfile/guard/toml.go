package guard

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/lockfile/internal/tree"
)

func readTOML(r *reader, data []byte) error {
	doc, err := tree.ReadTOML(r.path, data, "", nil)
	if err != nil {
		return err
	}
	return r.table(nil, doc)
}

// readToolchain reads what rustup reads: a file of one line is the name of a
// channel, whatever it looks like; any other is TOML (The rustup book, "Overrides").
func readToolchain(r *reader, data []byte) error {
	if bytes.Count(bytes.TrimSuffix(data, []byte("\n")), []byte("\n")) > 0 {
		return readTOML(r, data)
	}
	if err := lockfile.CheckText(r.path, data); err != nil {
		return err
	}
	channel := strings.TrimSpace(string(data))
	if channel == "" {
		return nil
	}
	at := []string{"toolchain", "channel"}
	return r.add(at, -1, 1, value{v: tree.Value{Kind: tree.String, Text: channel}}, r.kind.match(at))
}

// table collects the settings in the table at a key, whose memory it uses for the
// keys below. A table that is empty says nothing.
func (r *reader) table(at []string, t *tree.Table) error {
	for _, pair := range t.Pairs {
		key := append(at, pair.Key)
		if !r.kind.reaches(key) {
			continue
		}
		m, v := r.kind.match(key), pair.Value
		var err error
		switch {
		case v.Kind == tree.TableKind && !m.unit:
			err = r.table(key, v.Table)
		case m.why == "":
		case v.Kind == tree.Array && !m.unit && len(v.Elems) > 0:
			err = r.array(key, v.Elems, m)
		default:
			line := pair.Line()
			if v.Kind == tree.TableKind {
				line = v.Table.Line
			}
			err = r.add(key, -1, line, value{v: v}, m)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// array makes each element one setting.
func (r *reader) array(at []string, elems []tree.Value, m match) error {
	for i, elem := range elems {
		if err := r.add(at, i, elem.Line(), value{v: elem, element: true}, m); err != nil {
			return err
		}
	}
	return nil
}

// value is what a setting says. The element of a list differs from the same value
// by itself: a command in one string is split at its spaces, one in a list is not.
type value struct {
	v       tree.Value
	element bool
}

func (v value) text() string {
	var b strings.Builder
	write(&b, v.v, true)
	return cut(b.String())
}

func (v value) digest() lockkeeper.Digest {
	var b strings.Builder
	if v.element {
		b.WriteString("element ")
	}
	write(&b, v.v, false)
	return lockkeeper.Sum([]byte(b.String()))
}

// write writes a value as TOML in one line, the keys of a table in one order. What
// is shown goes without secrets, and ends once there is enough of it.
func write(b *strings.Builder, v tree.Value, shown bool) {
	if shown && b.Len() > 8*maxText {
		return
	}
	switch v.Kind {
	case tree.String:
		if shown {
			b.WriteString(quoted(v.Text))
		} else {
			b.WriteString(strconv.Quote(v.Text))
		}
	case tree.Array:
		b.WriteByte('[')
		for i, elem := range v.Elems {
			if i > 0 {
				b.WriteString(", ")
			}
			write(b, elem, shown)
		}
		b.WriteByte(']')
	case tree.TableKind:
		b.WriteByte('{')
		pairs := slices.Clone(v.Table.Pairs)
		slices.SortFunc(pairs, func(x, y tree.Pair) int { return strings.Compare(x.Key, y.Key) })
		for i, pair := range pairs {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(plainOrQuoted(pair.Key) + " = ")
			if shown && namesSecret(pair.Key) {
				b.WriteString(hidden)
			} else {
				write(b, pair.Value, shown)
			}
		}
		b.WriteByte('}')
	default:
		b.WriteString(plain(v.Text))
	}
}
