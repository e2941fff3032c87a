package github

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// once does something that must not be done twice. After a failure that leaves
// open whether it took effect, landed looks; only if it did not, do is repeated.
// It cannot see an effect that arrives later still: the callers' things bear a
// second one, they are merely untidy.
func once[T any](ctx context.Context, backoff time.Duration, do func() (T, error), landed func() (T, bool, error)) (T, error) {
	var zero T
	for n := 1; ; n++ {
		v, err := do()
		if err == nil {
			return v, nil
		}
		if !ambiguous(err) || n == maxAttempts || ctx.Err() != nil {
			return zero, err
		}
		if pause(ctx, backoff<<(n-1)) != nil {
			return zero, err
		}
		v, found, look := landed()
		if unauthorized(look) {
			// The token ended meanwhile. That is not to be taken for a refusal of what was
			// done, which call would simply do again.
			return zero, fmt.Errorf("%w; whether it took effect cannot be seen: %v", err, look)
		}
		if look != nil {
			return zero, errors.Join(err, look)
		}
		if found {
			return v, nil
		}
	}
}
