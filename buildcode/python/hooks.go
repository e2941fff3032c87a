package python

import (
	"fmt"
	"path"
	"strings"

	"github.com/lockkeeper/lockkeeper/buildcode"
)

// hooks looks for files that every interpreter runs when it starts, once they lie in
// site-packages.
type hooks struct {
	p *program
	// dirs are directories that .pth files put on sys.path, as they lie in the archive;
	// everywhere: some .pth file adds one that cannot be told.
	dirs       map[string]string // each with its .pth file
	everywhere bool
	custom     []string // files of startupModules that lie deeper than site-packages
}

// startupModules are imported at every start: by site.py, by a .pth file that is in most
// environments already, setuptools' and virtualenv's own, or by the sitecustomize of
// Debian's and Ubuntu's Python, which looks for apport_python_hook.
var startupModules = set(`sitecustomize usercustomize _distutils_hack _virtualenv apport_python_hook`)

// file looks at one file that lands in site-packages under name; root is the directory
// of the archive that becomes site-packages.
func (h *hooks) file(file, root, name string) {
	top := !strings.Contains(name, "/")
	switch ext := path.Ext(name); {
	case ext == ".pth" && top:
		h.pathFile(file, root)
	case ext == ".start" && top:
		h.p.startFile(file)
	case startupModule(name) == "":
	case top || path.Dir(name) == startupModule(name):
		h.module(file)
	default:
		h.custom = append(h.custom, file)
	}
}

// startupModule is which of startupModules a file is, "" if it is none.
func startupModule(name string) string {
	switch path.Ext(name) {
	case ".py", ".pyc", ".so", ".pyd":
	default:
		return ""
	}
	module, _, _ := strings.Cut(path.Base(name), ".")
	if module == "__init__" {
		module = path.Base(path.Dir(name))
	}
	if !startupModules[module] {
		return ""
	}
	return module
}

// module follows one of startupModules.
func (h *hooks) module(file string) {
	h.p.c.kind(buildcode.StartupHook)
	if path.Ext(file) == ".py" {
		h.p.enter(file)
		h.p.source(file)
		return
	}
	h.p.native(file)
}

// pathFile evaluates a .pth file of site-packages, and notes what its plain lines put on
// sys.path: site.py imports sitecustomize and usercustomize after that, from there too.
func (h *hooks) pathFile(file, root string) {
	if h.p.pathFile(file) {
		h.p.c.kind(buildcode.StartupHook)
	}
	data, err := h.p.c.a.ReadFile(file)
	if err != nil {
		h.everywhere = true
		return
	}
	text, _ := decodeSource(data)
	for line := range strings.FieldsFuncSeq(text, func(r rune) bool { return strings.ContainsRune(breaks, r) }) {
		line = strings.TrimRight(strings.TrimPrefix(line, "\ufeff"), " \t")
		if line == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, "import ") || strings.HasPrefix(line, "import\t") {
			continue
		}
		dir := path.Join(root, cleanPath(line))
		switch {
		case h.p.c.isDir(dir) && !path.IsAbs(cleanPath(line)):
			if h.dirs == nil {
				h.dirs = make(map[string]string)
			}
			h.dirs[dir] = file
			h.p.addRoot(dir)
		case h.p.c.has(dir): // an archive of modules
			h.p.c.kind(buildcode.StartupHook)
			h.p.c.take(file)
			h.p.c.add(dir)
			h.p.c.use(buildcode.Unanalysed, file, 0, "puts an archive on sys.path: "+line)
		default:
			// Who brings what lies there, and whether that holds a sitecustomize, cannot
			// be told from this archive.
			h.everywhere = true
			h.p.c.kind(buildcode.StartupHook)
			h.p.c.take(file)
			h.p.c.use(buildcode.Unanalysed, file, 0, "puts a directory on sys.path that does not come with it: "+line)
		}
	}
}

// paths follows what lies in the directories that .pth files add.
func (h *hooks) paths() {
	for _, file := range h.custom {
		dir := packageDir(file, startupModule(file))
		by, added := h.dirs[dir]
		if added {
			h.p.c.add(by)
		}
		if added || h.everywhere {
			h.module(file)
		}
	}
}

// pathFile evaluates the import lines of a .pth file, and reports whether there may be
// any. A plain line is no code.
func (p *program) pathFile(file string) bool {
	real, _ := p.c.resolve(file)
	data, err := p.c.a.ReadFile(real)
	if err != nil {
		p.c.take(file)
		return true
	}
	text, err := decodeSource(data)
	lines := importLines(text)
	if len(lines) == 0 && err == nil {
		return false
	}
	p.c.take(file)
	p.text(file, lines, text, err)
	return true
}

// startFile follows the entry points, "module:callable", of a .start file.
func (p *program) startFile(file string) {
	p.c.kind(buildcode.StartupHook)
	data := p.c.take(file)
	lines, text, err := startLines(data)
	p.text(file, lines, text, err)
}

// startLines are the calls that the lines of a .start file stand for (PEP 829).
func startLines(data []byte) (lines map[int]string, text string, err error) {
	text, err = decodeSource(data)
	lines = make(map[int]string)
	number := 0
	for line := range strings.SplitSeq(text, "\n") {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		module, function, found := strings.Cut(line, ":")
		if !found || !isDotted(module) || !isDotted(function) {
			err = fmt.Errorf("line %d is no entry point", number)
			continue
		}
		lines[number] = "import " + module + "; " + module + "." + function + "()"
	}
	return lines, text, err
}
