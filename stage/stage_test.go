package stage_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/stage"
)

// teller writes down what it is told, with what it lies within.
type teller struct {
	name string
	told *[]string
}

type within struct{ by string }

func (o teller) Begin(ctx context.Context, name stage.Name, attributes ...string) (context.Context, func(error)) {
	outer, _ := ctx.Value(within{o.name}).(string)
	*o.told = append(*o.told, fmt.Sprintf("%s: %s begins in %q %s", o.name, name, outer, strings.Join(attributes, " ")))
	return context.WithValue(ctx, within{o.name}, string(name)), func(err error) {
		*o.told = append(*o.told, fmt.Sprintf("%s: %s ends: %v", o.name, name, err))
	}
}

func TestBothAreTold(t *testing.T) {
	var told []string
	ctx := stage.With(t.Context(), stage.Both{teller{"a", &told}, teller{"b", &told}})
	ctx, endJob := stage.Begin(ctx, stage.Job, "kind", "pull")
	_, endScan := stage.Begin(ctx, stage.Scan)
	endScan(errors.New("no"))
	endJob(nil)
	want := []string{
		`a: job begins in "" kind pull`, `b: job begins in "" kind pull`,
		`a: scan begins in "job" `, `b: scan begins in "job" `,
		`b: scan ends: no`, `a: scan ends: no`,
		`b: job ends: <nil>`, `a: job ends: <nil>`,
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNobodyIsTold(t *testing.T) {
	ctx := stage.With(t.Context(), nil)
	if n := testing.AllocsPerRun(100, func() {
		_, end := stage.Begin(ctx, stage.Scan)
		end(nil)
	}); n != 0 {
		t.Errorf("a stage without an observer allocates %v times, want never", n)
	}
}
