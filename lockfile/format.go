package lockfile

import (
	"path"
	"strings"
)

// FormatOf says which format the file at a slash-separated path has, by its name
// alone. Names are compared with case, as cargo, poetry and pip do.
//
//	Cargo.lock                              Cargo
//	poetry.lock                             Poetry
//	requirements.txt                        Requirements
//	requirements-*.txt, requirements_*.txt  Requirements
//	*-requirements.txt, *_requirements.txt, *.requirements.txt
//	                                        Requirements
//	constraints*.txt                        Requirements
//	*.txt in a directory "requirements"     Requirements
//
// Requirements files have no name of their own to pip: any other one is found
// when a file of these names includes it (Lockfile.Includes).
func FormatOf(p string) (Format, bool) {
	dir, name := path.Split(p)
	switch name {
	case "Cargo.lock":
		return Cargo, true
	case "poetry.lock":
		return Poetry, true
	}
	stem, isText := strings.CutSuffix(name, ".txt")
	if !isText || stem == "" {
		return "", false
	}
	if stem == "requirements" || path.Base(dir) == "requirements" || strings.HasPrefix(stem, "constraints") {
		return Requirements, true
	}
	for _, mark := range []string{"-", "_", "."} {
		if rest, ok := strings.CutSuffix(stem, mark+"requirements"); ok && rest != "" {
			return Requirements, true
		}
		if rest, ok := strings.CutPrefix(stem, "requirements"+mark); ok && rest != "" && mark != "." {
			return Requirements, true
		}
	}
	return "", false
}
