package queue

import (
	"context"
	"log/slog"

	"github.com/rs/zerolog"
)

// riverLogger has River log through log: errors as errors, since only they tell
// that the database is away, everything else for debugging.
func riverLogger(log zerolog.Logger) *slog.Logger {
	return slog.New(logHandler{log.With().Str("from", "river").Logger(), ""})
}

type logHandler struct {
	log    zerolog.Logger
	prefix string // of keys, from groups
}

func levelOf(level slog.Level) zerolog.Level {
	if level >= slog.LevelError {
		return zerolog.ErrorLevel
	}
	return zerolog.DebugLevel
}

func (h logHandler) Enabled(_ context.Context, level slog.Level) bool {
	return levelOf(level) >= h.log.GetLevel() && levelOf(level) >= zerolog.GlobalLevel()
}

func (h logHandler) Handle(_ context.Context, r slog.Record) error {
	event := h.log.WithLevel(levelOf(r.Level))
	r.Attrs(func(a slog.Attr) bool {
		event.Str(h.prefix+a.Key, a.Value.Resolve().String())
		return true
	})
	event.Msg(r.Message)
	return nil
}

func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := h.log.With()
	for _, a := range attrs {
		with = with.Str(h.prefix+a.Key, a.Value.Resolve().String())
	}
	return logHandler{with.Logger(), h.prefix}
}

func (h logHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return logHandler{h.log, h.prefix + name + "."}
}
