// Package formats knows the parser of each lockfile format.
package formats

import (
	"fmt"

	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/lockfile/cargo"
	"github.com/lockkeeper/lockkeeper/lockfile/python"
)

// All is every format, in the order in which they are documented.
var All = []lockfile.Format{
	lockfile.Cargo, lockfile.Requirements, lockfile.Poetry, lockfile.UV, lockfile.PDM, lockfile.Pipfile, lockfile.Pylock,
}

// Parse reads a file of a format. Any error is a *lockfile.Error.
func Parse(format lockfile.Format, path string, data []byte) (*lockfile.Lockfile, error) {
	switch format {
	case lockfile.Cargo:
		return cargo.Parse(path, data)
	case lockfile.Requirements:
		return python.ParseRequirements(path, data)
	case lockfile.Poetry:
		return python.ParsePoetry(path, data)
	case lockfile.UV:
		return python.ParseUV(path, data)
	case lockfile.PDM:
		return python.ParsePDM(path, data)
	case lockfile.Pipfile:
		return python.ParsePipfile(path, data)
	case lockfile.Pylock:
		return python.ParsePylock(path, data)
	}
	return nil, &lockfile.Error{Path: path, Err: fmt.Errorf("no parser for the format %q", format)}
}
