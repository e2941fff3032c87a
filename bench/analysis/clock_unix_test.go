//go:build unix

package analysis_test

import (
	"syscall"
	"time"
)

// cpu is what this process took of its processors so far, which a busy machine
// does not blur as it does the time of day.
func cpu() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err) // a fixed argument
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
