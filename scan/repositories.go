package scan

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/lockkeeper/lockkeeper"
)

// Repositories reads public repositories on the hosts that are configured, and on
// no others. Errors but the two below may pass by themselves.
type Repositories interface {
	// Serves reports whether host is configured. It contacts nobody.
	Serves(host string) bool
	// Commit is the tree of a commit, by its full id: the files below the directory
	// under, "" for all, and those that lie directly in a directory above it.
	// ErrNotThere if there is no such public repository or commit in it.
	Commit(ctx context.Context, r Repository, id, under string) (Tree, error)
	// Tag is the commit that a tag names; ErrNotThere if there is none.
	Tag(ctx context.Context, r Repository, tag string) (id string, err error)
	// Contains reports whether a branch, "" for the default one, has the commit.
	// Hosts show a fork's commits under the name of the repository that it was
	// forked from, so that to be there is not to be part of it. ErrNotThere if there
	// is no such branch or commit.
	Contains(ctx context.Context, r Repository, branch, id string) (bool, error)
}

var (
	// ErrNotThere: no such public repository, commit, tag or branch.
	ErrNotThere = errors.New("not there")
	// ErrUnreadable: asking again gives the same, for example what is too large.
	ErrUnreadable = errors.New("cannot be read")
)

// Repository is one that an address names.
type Repository struct{ Host, Owner, Name string }

// String is "host/owner/name" in lower case, since hosts compare so.
func (r Repository) String() string {
	return strings.ToLower(r.Host + "/" + r.Owner + "/" + r.Name)
}

func (r Repository) same(o Repository) bool { return r.String() == o.String() }

var (
	nameForm   = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,100}$`)
	hostForm   = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]*(:[0-9]{1,5})?$`)
	scpForm    = regexp.MustCompile(`^git@([A-Za-z0-9.-]+):(?:/)?([^/]+/[^/]+)$`)
	commitForm = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)
)

// ParseRepository reads an address out of a lockfile, manifest or archive:
// "https://HOST/OWNER/NAME", with or without ".git", over http, https, git and ssh
// as git@HOST. It is strict, since the host decides who is asked (promise 5): no
// other user, nothing that is encoded, no query or fragment. deeper accepts the
// address of a page within a repository too, "/tree/main/src" or "#readme".
func ParseRepository(address string, deeper bool) (Repository, bool) {
	if len(address) > 500 || strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '\\' || r == '%' }) {
		return Repository{}, false
	}
	address = strings.TrimPrefix(address, "git+")
	if m := scpForm.FindStringSubmatch(address); m != nil {
		address = "ssh://git@" + m[1] + "/" + m[2]
	}
	u, err := url.Parse(address)
	if err != nil || u.Opaque != "" || !deeper && (strings.ContainsAny(address, "?#")) {
		return Repository{}, false
	}
	switch u.Scheme {
	case "https", "http", "git":
		if u.User != nil {
			return Repository{}, false
		}
	case "ssh":
		// The API has another port than ssh, so that nothing is known of one.
		if u.User.String() != "git" || u.Port() != "" {
			return Repository{}, false
		}
	default:
		return Repository{}, false
	}
	parts := strings.Split(strings.TrimSuffix(strings.TrimPrefix(u.Path, "/"), "/"), "/")
	if len(parts) < 2 || len(parts) > 2 && !deeper {
		return Repository{}, false
	}
	r := Repository{Host: strings.ToLower(u.Host), Owner: parts[0], Name: strings.TrimSuffix(parts[1], ".git")}
	for _, name := range []string{r.Owner, r.Name} {
		if !nameForm.MatchString(name) || strings.Trim(name, ".") == "" {
			return Repository{}, false
		}
	}
	return r, hostForm.MatchString(r.Host)
}

// Bounds of one scan on what it reads of repositories.
const (
	maxVisits     = 600      // questions; a workflow's token has a thousand an hour
	maxRemembered = 64 << 20 // bytes of contents kept for other packages of the same repository
)

var errVisits = fmt.Errorf("%w: more than %d questions about repositories in one scan", ErrUnreadable, maxVisits)

// visits is what one scan reads of repositories: each thing once, since workspaces
// hold many packages and a new commit mostly what the one before held.
type visits struct {
	next Repositories

	mu    sync.Mutex // guards what follows
	left  int
	kept  int
	trees map[string]func() (*visitedTree, error)
	blobs map[string][]byte
}

// newVisits is nil where there are no repositories.
func newVisits(next Repositories) *visits {
	if next == nil {
		return nil
	}
	return &visits{next: next, left: maxVisits, trees: map[string]func() (*visitedTree, error){}, blobs: map[string][]byte{}}
}

func (v *visits) spend() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.left == 0 {
		return errVisits
	}
	v.left--
	return nil
}

// serves reports whether r is on a configured host.
func (v *visits) serves(r Repository) bool { return v != nil && v.next.Serves(r.Host) }

// visitedTree is a commit's tree with its files by path.
type visitedTree struct {
	visits *visits
	tree   Tree
	under  string // directory that was asked for
	files  map[string]lockkeeper.TreeFile
	paths  []string // of files, sorted
	// manifests are the packages of a Rust repository, read once.
	manifests func() ([]crateManifest, error)
}

// commit lists the files of a commit. Its callers share the scan's ctx.
func (v *visits) commit(ctx context.Context, r Repository, id, under string) (*visitedTree, error) {
	key := r.String() + " " + id + " " + under
	v.mu.Lock()
	visit := v.trees[key]
	if visit == nil {
		visit = sync.OnceValues(func() (*visitedTree, error) { return v.list(ctx, r, id, under) })
		v.trees[key] = visit
	}
	v.mu.Unlock()
	return visit()
}

func (v *visits) list(ctx context.Context, r Repository, id, under string) (*visitedTree, error) {
	if err := v.spend(); err != nil {
		return nil, err
	}
	tree, err := v.next.Commit(ctx, r, id, under)
	if err != nil {
		return nil, err
	}
	files, err := list(ctx, tree, r.String())
	if err != nil {
		return nil, err
	}
	t := &visitedTree{visits: v, tree: tree, under: under, files: files, paths: slices.Sorted(maps.Keys(files))}
	t.manifests = sync.OnceValues(func() ([]crateManifest, error) { return t.readManifests(ctx) })
	return t, nil
}

func (v *visits) tag(ctx context.Context, r Repository, tag string) (string, error) {
	if err := v.spend(); err != nil {
		return "", err
	}
	return v.next.Tag(ctx, r, tag)
}

func (v *visits) contains(ctx context.Context, r Repository, branch, id string) (bool, error) {
	if err := v.spend(); err != nil {
		return false, err
	}
	return v.next.Contains(ctx, r, branch, id)
}

// read returns the content of a file of at most limit bytes, which the caller
// must not change.
func (t *visitedTree) read(ctx context.Context, f lockkeeper.TreeFile, limit int64) ([]byte, error) {
	if f.Size > limit {
		return nil, fmt.Errorf("%w: %s has %d bytes, more than %d", ErrUnreadable, f.Path, f.Size, limit)
	}
	v := t.visits
	v.mu.Lock()
	data, ok := v.blobs[f.Blob]
	v.mu.Unlock()
	if ok {
		return data, nil
	}
	if err := v.spend(); err != nil {
		return nil, err
	}
	data, err := t.tree.Read(ctx, f, limit)
	if err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.kept += len(data); v.kept <= maxRemembered {
		v.blobs[f.Blob] = data
	}
	return data, nil
}

// follow is the plain file that p names, symbolic links in it followed within the
// repository. Else why says in a few words what stands in the way, "" if there is
// just no such file.
func (t *visitedTree) follow(ctx context.Context, p string) (f lockkeeper.TreeFile, why string, err error) {
	w, err := walk(p, func(p string) lockkeeper.TreeFile { return t.files[p] }, func(f lockkeeper.TreeFile) (string, error) {
		text, err := t.read(ctx, f, maxLinkText)
		return string(text), err
	})
	if err != nil {
		return f, "", err
	}
	last := ""
	if len(w.passed) > 0 {
		last = w.passed[len(w.passed)-1]
	}
	switch w.end {
	case outside:
		return f, fmt.Sprintf("is reached through the link %s, which leads out of the repository", last), nil
	case submodule:
		return f, fmt.Sprintf("lies in the submodule %s at %s, which is not read", last, t.files[last].Blob), nil
	case endless:
		return f, "is reached through too many links", nil
	}
	if f, ok := t.files[w.target]; ok {
		return f, "", nil
	}
	if last != "" && t.under != "" && !strings.HasPrefix(w.target, t.under+"/") {
		return f, "is reached through a link to " + w.target + ", which was not looked for", nil
	}
	return f, "", nil
}
