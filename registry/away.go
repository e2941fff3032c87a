package registry

import "fmt"

// AwayError says that a registry's host could not be reached a moment ago, so that it was
// not asked. It passes by itself, and says nothing about any package.
type AwayError struct {
	Host string // one of those configured
	Err  error  // what came of the last try
}

func (e *AwayError) Error() string { return fmt.Sprintf("%s cannot be reached: %v", e.Host, e.Err) }

func (e *AwayError) Unwrap() error { return e.Err }
