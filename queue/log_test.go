package queue

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
)

func TestRiverLogger(t *testing.T) {
	var out bytes.Buffer
	log := riverLogger(zerolog.New(&out))
	log.Info("started", "jobs", 3)
	log.Warn("slow")
	log.With("id", 7).WithGroup("job").With("kind", "x").Error("the database\nis away", "error", "EOF")
	want := `{"level":"debug","from":"river","jobs":"3","message":"started"}
{"level":"debug","from":"river","message":"slow"}
{"level":"error","from":"river","id":"7","job.kind":"x","job.error":"EOF","message":"the database\nis away"}
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	out.Reset()
	riverLogger(zerolog.New(&out).Level(zerolog.InfoLevel)).Warn("slow")
	riverLogger(zerolog.Nop()).Error("gone")
	if out.Len() > 0 {
		t.Errorf("logged %s", out.String())
	}
}
