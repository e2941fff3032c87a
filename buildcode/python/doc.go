// Package python finds the code of an sdist that runs while it is built, and of
// a wheel that runs when an interpreter merely starts, and says what that code
// is able to do.
//
// # What runs
//
// An sdist names its build backend in pyproject.toml (PEP 517). A backend that
// only reads declarations runs nothing of the package; setuptools runs setup.py,
// others run hooks that the configuration names, and an in-tree backend
// (backend-path) is code of the package altogether. A wheel runs nothing when it
// is installed; "import" lines of .pth files, .start files (PEP 829),
// sitecustomize and usercustomize run at every start of the interpreter after it.
// From there, imports, "exec(open(...).read())" and programs started are followed
// as long as they lead to files of the same archive; so are entry points of an
// .egg-info that lies in it, and bytecode beside a source. Data that is made into
// code belongs to the surface whatever its form. Under a backend that nobody knows
// the whole package does.
//
// # What it can do
//
// Sources are tokenized as Python does it, encodings included, and evaluated over
// sets of possible values: module names, strings with holes where something is
// unknown, lists. Aliases, constant folding, arguments of local functions and
// attributes are followed to a fixed point over all files of the surface; no
// branch is ever decided. So "sub" + "process" is subprocess and a wrapper around
// Popen starts what its callers hand it.
//
// What it promises: naming a sensitive function is enough to be reported, and
// what cannot be resolved is buildcode.Unanalysed (or "run:?"), never nothing. What
// it leaves out: the build requirements and compiled extension modules themselves,
// and whatever a package does when it is used rather than built.
package python
