package lockfile

import (
	"path"
	"strings"
)

// FormatOf says which format the file at a slash-separated path has, by its name
// alone. Names are compared with case, as the package managers do.
//
//	Cargo.lock                              Cargo
//	poetry.lock                             Poetry
//	uv.lock, *.py.lock (locked scripts)     UV
//	pdm.lock, pdm.*.lock                    PDM
//	Pipfile.lock                            Pipfile
//	pylock.toml, pylock.NAME.toml           Pylock, by the pattern of PEP 751
//	requirements.txt                        Requirements
//	requirements-*.txt, requirements_*.txt, requirements.*.txt
//	                                        Requirements
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
	case "uv.lock":
		return UV, true
	case "pdm.lock":
		return PDM, true
	case "Pipfile.lock":
		return Pipfile, true
	case "pylock.toml":
		return Pylock, true
	}
	switch first, rest, _ := strings.Cut(name, "."); {
	case strings.HasSuffix(name, ".py.lock"):
		return UV, true
	case first == "pdm" && strings.HasSuffix(rest, ".lock"):
		return PDM, true
	case first == "pylock" && strings.HasSuffix(rest, ".toml") && strings.Count(rest, ".") == 1 && rest != ".toml":
		return Pylock, true
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
		if rest, ok := strings.CutPrefix(stem, "requirements"+mark); ok && rest != "" {
			return Requirements, true
		}
	}
	return "", false
}
