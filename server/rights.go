package server

import (
	"context"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// grants remembers what installations granted the App. Few features need to write
// contents, so the App may well be installed without that.
type grants struct {
	mu   sync.Mutex
	all  map[int64]grant // guarded by mu; by installation
	said map[string]bool // guarded by mu; what was logged of which installation
}

type grant struct {
	write bool
	until time.Time
}

// grantFor is how long it takes at most until a new grant is noticed.
const grantFor = 10 * time.Minute

// granted reports whether this installation lets the App push branches and open pull
// requests. If not, the log says once what is left undone.
func (w *worker) granted(ctx context.Context, without string) (bool, error) {
	g := &w.grants
	g.mu.Lock()
	known, ok := g.all[w.job.Installation]
	g.mu.Unlock()
	now := w.cfg.Now()
	if !ok || now.After(known.until) {
		contents, pulls, err := w.cfg.App.MayWrite(ctx, w.job.Installation)
		switch {
		case err == nil:
			known = grant{write: contents && pulls, until: now.Add(grantFor)}
		case !ok:
			return false, err
		default: // what was granted is rarely taken back, and then GitHub refuses the write
			zerolog.Ctx(ctx).Warn().Err(err).Msg("could not look up again what the App may write")
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.all == nil {
		g.all, g.said = map[int64]grant{}, map[string]bool{}
	}
	g.all[w.job.Installation] = known
	if key := w.repo.Owner + "\x00" + without; !known.write && !g.said[key] {
		g.said[key] = true
		zerolog.Ctx(ctx).Warn().Msg(without + ": the installation does not let the App write contents and pull requests (see docs/operating.md, permissions)")
	}
	return known.write, nil
}
