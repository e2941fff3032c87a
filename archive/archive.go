// Package archive reads the files that registries serve: .crate and sdist
// (tar.gz, tar.bz2, zip), wheel (zip). Every archive is hostile: sizes, entries,
// path depth and expansion are bounded, names are checked, and the digest is
// verified before the first byte is parsed. Nothing is written to disk and
// nothing is run.
//
// Where the tools that unpack for real (cargo, pip, uv) would read different
// things out of the same bytes, the archive is refused rather than guessed at:
// several gzip members in a crate, data behind the end of a tar, headers that name
// a file twice, a zip whose local headers disagree with its central directory,
// names that are one file on macOS or Windows.
package archive

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/registry"
)

// Limits bound what one archive may cost. Zero fields mean the defaults.
type Limits struct {
	// Packed is the most bytes an archive may have as downloaded; default 256 MiB.
	// It does not bear on OpenPartial, which reads only what it is asked for.
	Packed int64
	// Unpacked is the most bytes that are ever expanded: of a tar the whole
	// stream, of a zip all reads taken together. Default 1 GiB.
	Unpacked int64
	// File is the most bytes of one file that ReadFile returns; default 4 MiB.
	File int64
	// Kept is the most bytes of file contents that stay in memory for a tar;
	// default 192 MiB. Files beyond it have size, digest and head only.
	Kept int64
	// Entries is the most files, directories and links; default 100,000.
	Entries int
	// Depth is the most path elements; default 64.
	Depth int
	// Ratio is the most bytes that one packed byte may become, once more than
	// 16 MiB came out; default 250. (Deflate itself ends near 1030.)
	Ratio int
}

const (
	defaultPacked   = 256 << 20
	defaultUnpacked = 1 << 30
	defaultFile     = 4 << 20
	defaultKept     = 192 << 20
	defaultEntries  = 100_000
	defaultDepth    = 64
	defaultRatio    = 250

	// ratioFloor is what any archive may expand to, however small it is.
	ratioFloor = 16 << 20
	// maxName bounds a path, in bytes. The longest that file systems take is 4096.
	maxName = 1024
	// headSize is how much of a file too large to keep stays for its magic number.
	headSize = 512
)

func (l Limits) withDefaults() Limits {
	set := func(v *int64, d int64) {
		if *v <= 0 {
			*v = d
		}
	}
	setInt := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	set(&l.Packed, defaultPacked)
	set(&l.Unpacked, defaultUnpacked)
	set(&l.File, defaultFile)
	set(&l.Kept, defaultKept)
	setInt(&l.Entries, defaultEntries)
	setInt(&l.Depth, defaultDepth)
	setInt(&l.Ratio, defaultRatio)
	return l
}

// Errors that callers branch on. Every other error of this package means that
// the archive is damaged or hostile, and says how.
var (
	// ErrDigest: the bytes are not those that the lockfile or registry promised.
	ErrDigest = errors.New("digest mismatch")
	// ErrTooLarge: a limit was reached. The archive may be honest all the same.
	ErrTooLarge = errors.New("too large")
	// ErrLink: the path is a symbolic link, whose target is not followed.
	ErrLink = errors.New("is a symbolic link")
	// ErrUnsupported: a format that is not read.
	ErrUnsupported = errors.New("unsupported")
)

// File is one file of an archive. Directories are not listed.
type File struct {
	// Path is slash-separated and clean, without the leading "name-version/" of
	// crates and sdists. It is valid UTF-8, else hostile text.
	Path string
	// Size is the number of bytes of the content, for a zip as declared.
	Size int64
	// Digest of the content. Empty for links, and for files that nobody summed yet
	// (or of a zip, read): see Archive.Sum.
	Digest lockkeeper.Digest
	// Link is the target of a symbolic link, as written. Only sdists have them.
	Link string
	// Executable: some execute bit is set.
	Executable bool
}

// Archive is an opened artifact. It is not safe for concurrent use.
type Archive struct {
	Kind     registry.Kind
	Filename string
	// Digest is that of the whole file, which Open verified; empty when Partial.
	Digest lockkeeper.Digest
	// Partial: read by ranges, so that no digest covers the bytes.
	Partial bool
	// Notes are oddities that do not keep the archive from being read: paths that
	// are one file on hosts without case, duplicate entries of a tar. Hostile text.
	Notes []string

	// ctx ends the reading of a zip, which goes on for as long as the archive is used.
	ctx    context.Context
	limits Limits
	files  []*entry // sorted by path
	byPath map[string]*entry
	spent  int64 // bytes expanded from a zip so far
}

// entry is a File and where its content is.
type entry struct {
	File
	kept bool   // data is the whole content
	data []byte // the content, or its head when not kept
	open func() (io.ReadCloser, error)
}

// Open reads an artifact after checking its SHA-256 against want, which must not
// be empty. r must not change while the archive is in use, and ctx bounds the
// whole of that use. filename decides between the formats of sdists.
func Open(ctx context.Context, kind registry.Kind, filename string, r io.ReaderAt, size int64, want lockkeeper.Digest, limits Limits) (*Archive, error) {
	a := &Archive{Kind: kind, Filename: filename, Digest: want, ctx: ctx, limits: limits.withDefaults()}
	if err := a.check(r, size); err != nil {
		return nil, fmt.Errorf("open %s %q: %w", kind, filename, err)
	}
	if err := a.read(r, size); err != nil {
		return nil, fmt.Errorf("open %s %q: %w", kind, filename, err)
	}
	return a, nil
}

// OpenPartial reads a wheel (or another zip) whose bytes no digest covers, since
// r fetches them by ranges as they are asked for. Archive.Partial is true. Local
// headers are not compared with the central directory, since each would cost a
// request.
func OpenPartial(ctx context.Context, kind registry.Kind, filename string, r io.ReaderAt, size int64, limits Limits) (*Archive, error) {
	a := &Archive{Kind: kind, Filename: filename, Partial: true, ctx: ctx, limits: limits.withDefaults()}
	err := fmt.Errorf("reading by ranges: %w for anything but zip", ErrUnsupported)
	if kind == registry.Wheel || strings.HasSuffix(strings.ToLower(filename), ".zip") {
		err = a.readZip(r, size)
	}
	if err != nil {
		return nil, fmt.Errorf("open %s %q by ranges: %w", kind, filename, err)
	}
	return a, nil
}

// Files lists the files and links, sorted by path.
func (a *Archive) Files() []File {
	files := make([]File, len(a.files))
	for i, e := range a.files {
		files[i] = e.File
	}
	return files
}

// Has reports whether path is a file or link of the archive. Paths compare exactly.
func (a *Archive) Has(path string) bool { return a.byPath[path] != nil }

// File describes one path, with the digest where the content is in memory; false
// if there is none.
func (a *Archive) File(path string) (File, bool) {
	e := a.byPath[path]
	if e == nil {
		return File{}, false
	}
	if e.kept {
		a.sum(e) // cannot fail: the content is there
	}
	return e.File, true
}

// ReadFile returns the content of path, which the caller must not change. The
// error wraps fs.ErrNotExist, ErrLink, or ErrTooLarge for a file above
// Limits.File or one that was not kept.
func (a *Archive) ReadFile(path string) ([]byte, error) {
	data, err := a.readFile(path)
	if err != nil {
		return nil, fmt.Errorf("read %q from %s: %w", path, a.Filename, err)
	}
	return data, nil
}

func (a *Archive) readFile(path string) ([]byte, error) {
	e, err := a.entry(path)
	if err != nil {
		return nil, err
	}
	if e.kept {
		return e.data, nil
	}
	if e.open == nil {
		return nil, fmt.Errorf("%d bytes: %w to be kept", e.Size, ErrTooLarge)
	}
	if e.Size > a.limits.File {
		return nil, fmt.Errorf("%d bytes, limit %d: %w", e.Size, a.limits.File, ErrTooLarge)
	}
	var data []byte
	if err := a.stream(e, func(p []byte) { data = append(data, p...) }); err != nil {
		return nil, err
	}
	return data, nil
}

// Head returns the first bytes of path, at most 512, whatever its size.
func (a *Archive) Head(path string) ([]byte, error) {
	e, err := a.entry(path)
	if err != nil {
		return nil, fmt.Errorf("read %q from %s: %w", path, a.Filename, err)
	}
	if e.open == nil || e.kept {
		return e.data[:min(len(e.data), headSize)], nil
	}
	head, err := a.head(e)
	if err != nil {
		return nil, fmt.Errorf("read %q from %s: %w", path, a.Filename, err)
	}
	return head, nil
}

// Sum returns the digest of path's content. Of a zip it expands the file, which
// counts against Limits.Unpacked, and remembers the answer.
func (a *Archive) Sum(path string) (lockkeeper.Digest, error) {
	e, err := a.entry(path)
	if err == nil {
		err = a.sum(e)
	}
	if err != nil {
		return "", fmt.Errorf("digest of %q in %s: %w", path, a.Filename, err)
	}
	return e.Digest, nil
}

// sum makes sure that e, which is no link, has its digest.
func (a *Archive) sum(e *entry) error {
	switch {
	case e.Digest != "":
		return nil
	case e.kept:
		e.Digest = lockkeeper.Sum(e.data)
		return nil
	}
	return a.stream(e, func([]byte) {})
}

func (a *Archive) entry(path string) (*entry, error) {
	e := a.byPath[path]
	if e == nil {
		return nil, fs.ErrNotExist
	}
	if e.Link != "" {
		return nil, fmt.Errorf("%w to %q", ErrLink, clip(e.Link))
	}
	return e, nil
}

// check compares the digest of the whole file before anything is parsed.
func (a *Archive) check(r io.ReaderAt, size int64) error {
	if a.Digest == "" {
		return errors.New("no digest to check against: an archive is used only after its digest is verified")
	}
	if size > a.limits.Packed {
		return fmt.Errorf("%d bytes, limit %d: %w", size, a.limits.Packed, ErrTooLarge)
	}
	sum := sha256.New()
	n, err := io.Copy(sum, &contextReader{a.ctx, io.NewSectionReader(r, 0, size)})
	if err != nil {
		return err
	}
	if n != size {
		return fmt.Errorf("%d of %d bytes: %w", n, size, io.ErrUnexpectedEOF)
	}
	if got := lockkeeper.SumBytes(sum.Sum(nil)); got != a.Digest {
		return fmt.Errorf("%w: got %s, want %s", ErrDigest, got, clip(string(a.Digest)))
	}
	return nil
}

func (a *Archive) read(r io.ReaderAt, size int64) error {
	name := strings.ToLower(a.Filename)
	switch {
	case a.Kind == registry.Wheel:
		return a.readZip(r, size)
	case a.Kind == registry.Crate:
		return a.readTarGz(r, size)
	case a.Kind != registry.Sdist:
		return fmt.Errorf("%w kind of artifact", ErrUnsupported)
	case strings.HasSuffix(name, ".tar.gz"), strings.HasSuffix(name, ".tgz"):
		return a.readTarGz(r, size)
	case strings.HasSuffix(name, ".zip"):
		return a.readZip(r, size)
	case strings.HasSuffix(name, ".tar.bz2"):
		return a.readTarBz2(r, size)
	}
	return fmt.Errorf("%w format: sdists are read as .tar.gz, .zip or .tar.bz2", ErrUnsupported)
}

// finish strips the leading directory, sorts, and refuses what two unpackers
// would make different trees of. dirs are the directories that stand there by
// themselves.
func (a *Archive) finish(entries []*entry, dirs []string) error {
	top := ""
	if a.Kind != registry.Wheel {
		var err error
		if top, err = a.topOf(entries, dirs); err != nil {
			return err
		}
	}
	a.files = entries
	a.byPath = make(map[string]*entry, len(entries))
	for _, e := range a.files {
		e.Path = strings.TrimPrefix(e.Path, top)
	}
	slices.SortFunc(a.files, func(x, y *entry) int { return strings.Compare(x.Path, y.Path) })
	for _, e := range a.files {
		if a.byPath[e.Path] != nil {
			return fmt.Errorf("two entries are named %q", clip(e.Path))
		}
		a.byPath[e.Path] = e
	}
	for _, dir := range dirs {
		if e := a.byPath[strings.TrimPrefix(dir, top)]; e != nil {
			return fmt.Errorf("%q is a directory and a file", clip(e.Path))
		}
	}
	return a.checkFolded()
}

// topOf finds the one directory that crates and sdists consist of, with a slash
// behind it. An sdist without one is left as it is, which is how pip unpacks it;
// like pip it counts directories that are empty.
func (a *Archive) topOf(entries []*entry, dirs []string) (string, error) {
	top, several := "", false
	see := func(path string, isDir bool) error {
		dir, _, found := strings.Cut(path, "/")
		switch {
		case !found && !isDir && a.Kind == registry.Crate:
			return fmt.Errorf("%q lies outside of the crate's directory", clip(path))
		case !found && !isDir:
			several = true
		case top == "":
			top = dir
		case dir != top && a.Kind == registry.Crate:
			return fmt.Errorf("several top-level directories, %q and %q", clip(top), clip(dir))
		case dir != top:
			several = true
		}
		return nil
	}
	for _, e := range entries {
		if err := see(e.Path, false); err != nil {
			return "", err
		}
	}
	for _, dir := range dirs {
		if err := see(dir, true); err != nil {
			return "", err
		}
	}
	if several || top == "" {
		return "", nil
	}
	return top + "/", nil
}

const maxNotes = 20

func (a *Archive) note(s string) {
	if len(a.Notes) < maxNotes {
		a.Notes = append(a.Notes, s)
	}
}

// clip shortens hostile text for an error, which quotes it.
func clip(s string) string {
	if len(s) > 120 {
		return s[:120] + "..."
	}
	return s
}

// contextReader ends a long read when ctx does.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
