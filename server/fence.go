package server

import (
	"context"
	"errors"
	"time"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/queue"
)

// errOvertaken says that another run about the same thing has begun, since this
// process was silent for so long that others took it for dead.
var errOvertaken = errors.New("another run took over")

// mayWrite returns errOvertaken unless this run is the newest about its job. It is
// asked right before each write that others see.
func (w *worker) mayWrite(ctx context.Context) error {
	newest, err := w.queue.Newest(ctx, w.job, w.generation)
	if err != nil {
		return err
	}
	if !newest {
		return errOvertaken
	}
	w.wrote = true
	return nil
}

// settleWithin bounds what is left to do after a run, also when its time is over.
const settleWithin = 15 * time.Second

// settle looks again after a run: between the last look and the arrival of a
// write at GitHub any time may have passed, if this process was frozen there. Then
// the write came after those of a newer run, and the newest state is written once
// more, to a new check run, which GitHub shows in place of all others.
func (w *worker) settle(ctx context.Context, runErr error) error {
	if !w.wrote {
		return w.dropped(ctx, runErr)
	}
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleWithin)
	defer cancel()
	newest, err := w.queue.Newest(after, w.job, w.generation)
	if err != nil || newest {
		return errors.Join(runErr, err)
	}
	if w.job.Kind == queue.Pull {
		if err := w.cfg.Store.ForgetCheck(after, w.job.RepoID, w.job.Pull); err != nil {
			return err
		}
	}
	again := w.job
	again.Comment = 0
	if err := w.queue.Put(after, again); err != nil {
		return err
	}
	zerolog.Ctx(ctx).Warn().Msg("this run may have written after a newer one: what is newest is written again")
	return w.dropped(ctx, runErr)
}

// dropped makes the end of an overtaken run no failure: the other run is at work.
func (w *worker) dropped(ctx context.Context, err error) error {
	if errors.Is(err, errOvertaken) {
		zerolog.Ctx(ctx).Info().Msg("dropped a result: another run took over")
		return nil
	}
	return err
}
