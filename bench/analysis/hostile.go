package analysis

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"strings"

	"github.com/lockkeeper/lockkeeper/registry"
)

// Hostile is an archive that is made to cost.
type Hostile struct {
	Artifact
	// Refused: it is not read, and the error has this in it.
	Refused string
}

// member is one gzip member under construction. Parts are compressed each for
// itself, so that one may be repeated without compressing it again.
type member struct {
	packed bytes.Buffer
	sum    uint32
	size   int
}

func newMember() *member {
	m := &member{}
	m.packed.Write([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff}) // RFC 1952, 2.3
	return m
}

func (m *member) add(data []byte, times int) error {
	var part bytes.Buffer
	w, err := flate.NewWriter(&part, flate.BestSpeed)
	if err != nil {
		return err
	}
	if _, err := w.Write(data); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for range times {
		m.packed.Write(part.Bytes())
		m.sum = crc32.Update(m.sum, crc32.IEEETable, data)
		m.size += len(data)
	}
	return nil
}

func (m *member) end() ([]byte, error) {
	if err := m.add(make([]byte, 1024), 1); err != nil {
		return nil, err
	}
	m.packed.Write([]byte{1, 0, 0, 0xff, 0xff}) // the last block, stored and empty: RFC 1951, 3.2.4
	m.packed.Write(binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, m.sum), uint32(m.size)))
	return m.packed.Bytes(), nil
}

// file is a file of a hostile crate: part, times times.
type file struct {
	name  string
	part  string
	times int
}

func hostileCrate(name string, files ...file) (Hostile, error) {
	m := newMember()
	var plain bytes.Buffer // what is compressed together
	headers := tar.NewWriter(&plain)
	for _, f := range files {
		size := len(f.part) * f.times
		if err := headers.WriteHeader(&tar.Header{Name: "a-1.0.0/" + f.name, Mode: 0o644, Size: int64(size)}); err != nil {
			return Hostile{}, err
		}
		if size == 0 {
			continue
		}
		if err := m.add(plain.Bytes(), 1); err != nil {
			return Hostile{}, err
		}
		if err := m.add([]byte(f.part), f.times); err != nil {
			return Hostile{}, err
		}
		plain.Reset()
		plain.Write(make([]byte, -size&511))
		headers = tar.NewWriter(&plain) // the one before waits for the content
	}
	if err := m.add(plain.Bytes(), 1); err != nil {
		return Hostile{}, err
	}
	data, err := m.end()
	return Hostile{Artifact: Artifact{Name: name, Kind: registry.Crate, Data: data}}, err
}

// HostileShapes are archives that cost what the bounds allow, or try to cost
// more.
func HostileShapes() ([]Hostile, error) {
	random := &maker{random: rand.New(rand.NewPCG(3, 4))}
	line := strings.ReplaceAll(random.rust(1<<20), "\n", " ")[:1<<20]
	script := file{"Cargo.toml", manifest("build = \"build.rs\"\n"), 1}
	macro := file{"Cargo.toml", manifest("[lib]\nproc-macro = true\n"), 1}
	full, macros := []file{script}, []file{macro, {"src/lib.rs", "", 0}}
	for i := range 50 {
		macros = append(macros, file{fmt.Sprintf("src/f%d.rs", i), line, 4})
		full = append(full, file{fmt.Sprintf("src/f%d.rs", i), line, 4})
	}
	var empty []file
	for i := range 99_999 {
		empty = append(empty, file{fmt.Sprintf("src/some/directory/f%d.rs", i), "", 0})
	}
	var all []Hostile
	for _, shape := range []struct {
		name, refused string
		files         []file
	}{
		{"line-of-50MB.crate", "", []file{script, {"build.rs", line, 50}}},
		{"line-of-4MB.crate", "", []file{script, {"build.rs", line, 4}}},
		{"macro-of-4MB.crate", "", []file{macro, {"src/lib.rs", line, 4}}},
		{"zeros-of-512MB.crate", "250-fold", []file{script, {"build.rs", strings.Repeat("\x00", 1<<20), 512}}},
		{"text-of-200MB.crate", "", full},
		{"macro-of-200MB.crate", "", macros},
		{"files-100000.crate", "", append([]file{script}, empty...)},
		{"files-1000000.crate", "more than 100000 entries", append(empty, script, file{"build.rs", "", 0})},
	} {
		h, err := hostileCrate(shape.name, shape.files...)
		if err != nil {
			return nil, err
		}
		h.Refused = shape.refused
		all = append(all, h)
	}
	wheel, err := emptyWheel(99_000)
	if err != nil {
		return nil, err
	}
	all = append(all, Hostile{Artifact: wheel})
	// The count of another wheel is believed by nobody.
	claims := bytes.Clone(wheel.Data)
	end := bytes.LastIndex(claims, []byte("PK\x06\x06"))
	binary.LittleEndian.PutUint64(claims[end+24:], 1_000_000)
	binary.LittleEndian.PutUint64(claims[end+32:], 1_000_000)
	wheel.Name, wheel.Data = "claims-1000000.whl", claims
	return append(all, Hostile{Artifact: wheel, Refused: "1000000 entries"}), nil
}

func emptyWheel(count int) (Artifact, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := range count {
		if _, err := z.CreateHeader(&zip.FileHeader{Name: fmt.Sprintf("a/some/directory/f%d.py", i)}); err != nil {
			return Artifact{}, err
		}
	}
	err := z.Close()
	return Artifact{Name: "files-99000.whl", Kind: registry.Wheel, Data: b.Bytes()}, err
}
