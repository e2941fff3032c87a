//go:build !unix

package analysis_test

import "time"

var started = time.Now()

// cpu is the time of day where a system does not tell more.
func cpu() time.Duration { return time.Since(started) }
