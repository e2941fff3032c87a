package python

import (
	"errors"
	"fmt"
	"strings"

	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/lockfile/internal/tree"
)

// pipfileKeys are the keys of a package and what they hold, beside pip_args and
// the environment's markers.
var pipfileKeys = map[string]tree.Kind{
	"version": tree.String, "hashes": tree.Array, "markers": tree.String, "os_markers": tree.String,
	"extras": tree.Array, "index": tree.String, "editable": tree.Bool, "no_binary": tree.Bool,
	"git": tree.String, "hg": tree.String, "svn": tree.String, "bzr": tree.String,
	"path": tree.String, "file": tree.String, "ref": tree.String, "subdirectory": tree.String,
}

// pipfileMarkers are variables of PEP 508 that a Pipfile takes as keys of a package
// and early versions of pipenv copied.
var pipfileMarkers = map[string]bool{
	"implementation_name": true, "implementation_version": true, "os_name": true, "platform_machine": true,
	"platform_python_implementation": true, "platform_release": true, "platform_system": true,
	"platform_version": true, "python_full_version": true, "python_version": true, "sys_platform": true,
}

// pipfilePackage is a package while it is read.
type pipfilePackage struct {
	lockfile.Entry
	specifier    string
	kind         string // the key that says where it comes from, "" for an index
	address      string // the value of that key
	ref          string
	subdirectory string
	editable     bool
}

// read reads the value of a package: an object, or a version alone.
func (p *pipfile) read(pkg *pipfilePackage, v tree.Value) error {
	switch v.Kind {
	case tree.String:
		// pipenv puts "==" before it.
		if v.Text == "*" || v.Text == "" {
			pkg.Requirement = pkg.Package.Name
			return nil
		}
		pkg.Package.Version = v.Text
		return checkVersion(v.Text)
	case tree.TableKind:
	default:
		return fmt.Errorf("is %s: want an object", v.Kind)
	}
	for _, pair := range v.Table.Pairs {
		if err := p.set(pkg, pair.Key, pair.Value); err != nil {
			var located *lockfile.Error
			if errors.As(err, &located) {
				return err
			}
			return p.errorf(pair.Line(), "key %.80q of package %s: %w", pair.Key, pkg.Package.Name, err)
		}
	}
	return p.locate(pkg)
}

func (p *pipfile) set(pkg *pipfilePackage, key string, v tree.Value) (err error) {
	want, known := pipfileKeys[key]
	switch {
	case key == "ref" && v.Kind == tree.Other && v.Text == "null":
		return nil // as pipenv writes what it does not know
	case key == "pip_args" && (v.Kind == tree.String || v.Kind == tree.Array):
		return p.pipArgs(pkg, v)
	case pipfileMarkers[key] && v.Kind == tree.String:
		return mark(pkg, key+" "+v.Text)
	case !known && key != "pip_args" && !pipfileMarkers[key]:
		return errors.New("unknown key: this Pipfile.lock may be newer than Lockkeeper")
	case v.Kind != want:
		return fmt.Errorf("is %s", v.Kind)
	}
	switch key {
	case "version":
		pkg.specifier, err = v.Text, checkLine(v.Text, maxText)
	case "markers", "os_markers":
		return mark(pkg, v.Text)
	case "extras":
		_, err = extras(v.Elems)
	case "hashes":
		return p.hashes(pkg, v.Elems)
	case "index":
		source, named := p.places[v.Text]
		if !named {
			return fmt.Errorf("%.80q is the name of no source", v.Text)
		}
		pkg.Source = source
	case "editable":
		pkg.editable = v.Text == "true"
	case "no_binary":
		if v.Text == "true" {
			p.setting(v.Line(), "%s: no_binary", pkg.Package.Name)
		}
	case "git", "hg", "svn", "bzr", "path", "file":
		if pkg.kind != "" {
			return fmt.Errorf("beside %q: a package comes from one place", pkg.kind)
		}
		pkg.kind, pkg.address, err = key, v.Text, checkURL(v.Text)
	case "ref":
		pkg.ref, err = v.Text, checkURL(v.Text)
	case "subdirectory":
		pkg.subdirectory, err = v.Text, checkURL(v.Text)
	}
	return err
}

// mark adds a marker. pipenv writes it between the requirement and its hashes,
// where pip must not take it for an option, a comment or a further line.
func mark(pkg *pipfilePackage, text string) error {
	if text == "" {
		return nil
	}
	for _, sign := range []string{" -", " #", `\`, "${", ";"} {
		if strings.Contains(text, sign) {
			return fmt.Errorf("%.200q is no marker: %q has another meaning for pip", text, sign)
		}
	}
	if pkg.Marker != "" {
		text = pkg.Marker + " and " + text
	}
	pkg.Marker = text
	return checkLine(text, maxText)
}

func (p *pipfile) pipArgs(pkg *pipfilePackage, v tree.Value) error {
	elems := v.Elems
	if v.Kind == tree.String {
		elems = []tree.Value{v}
	}
	words := make([]string, len(elems))
	for i, elem := range elems {
		if elem.Kind != tree.String {
			return fmt.Errorf("an argument is %s", elem.Kind)
		}
		words[i] = elem.Text
	}
	text := strings.Join(words, " ")
	if text != "" {
		p.setting(v.Line(), "%s: pip_args %s", pkg.Package.Name, text)
	}
	return checkLine(text, maxText)
}

func (p *pipfile) hashes(pkg *pipfilePackage, elems []tree.Value) error {
	pkg.Files = make([]lockfile.File, len(elems))
	for i, elem := range elems {
		if elem.Kind != tree.String {
			return p.errorf(elem.Line(), "hash is %s", elem.Kind)
		}
		if err := addHash(&pkg.Files[i], elem.Text); err != nil {
			return p.errorf(elem.Line(), "%w", err)
		}
	}
	return nil
}

// locate sets source, version and requirement, once all keys are known.
func (p *pipfile) locate(pkg *pipfilePackage) error {
	name := pkg.Package.Name
	switch {
	case pkg.kind == "" && (pkg.ref != "" || pkg.subdirectory != "" || pkg.editable):
		return errors.New("ref, subdirectory or editable without a path, address or repository")
	case (pkg.kind == "path" || pkg.kind == "file") && pkg.ref != "":
		return errors.New("ref of what is no repository")
	}
	var err error
	locked := true
	switch pkg.kind {
	case "":
		return pkg.pin(p.file.Path)
	case "path", "file":
		err = pkg.direct(p.file.Path)
	case "git":
		locked, err = pkg.repository()
	default:
		pkg.Source, locked = repositorySource(pkg.kind, strings.TrimPrefix(pkg.address, pkg.kind+"+"), "", pkg.ref)
	}
	if err != nil {
		return err
	}
	pkg.Package.Name = name
	pkg.Source = withSubdirectory(p.file.Path, pkg.Source, pkg.subdirectory)
	if pkg.Package.Version == "" && (!locked || pkg.Source.Revision == "") {
		pkg.Requirement = directRequirement(name, pkg.kind, strings.TrimPrefix(pkg.address, pkg.kind+"+"), pkg.ref, pkg.subdirectory)
	}
	return nil
}

// pin reads a version. pipenv writes it right behind the name, so it must begin
// with an operator.
func (pkg *pipfilePackage) pin(from string) error {
	name, specifier := pkg.Package.Name, pkg.specifier
	if version, ok := strings.CutPrefix(specifier, "=="); ok && checkVersion(version) == nil {
		pkg.Package.Version = version
		return nil
	}
	if specifier == "" || specifier == "*" {
		pkg.Requirement = name
		return nil
	}
	if strings.IndexByte("=<>!~", specifier[0]) < 0 || hasVariable(specifier) || strings.ContainsAny(specifier, `;#/\`) {
		return fmt.Errorf("%.80q is no version specifier", specifier)
	}
	parsed, err := parseRequirement(from, name+specifier)
	if err != nil {
		return err
	}
	if pkg.Package.Version = parsed.Package.Version; pkg.Package.Version == "" {
		pkg.Requirement = name + specifier
	}
	return nil
}

// direct reads a path or address, which pipenv hands to pip as it is.
func (pkg *pipfilePackage) direct(from string) error {
	switch {
	case pkg.address[0] == '-' || pkg.address[0] == '#':
		return fmt.Errorf("%.80q is an option or a comment to pip", pkg.address)
	case isAddress(pkg.address):
		return fromAddress(&pkg.Entry, from, pkg.Package.Name, pkg.address)
	case strings.Contains(pkg.address, "${"), strings.Contains(pkg.address, `\`):
		// What it means is up to the environment, or to the system.
		pkg.Source = lockfile.Source{Kind: lockfile.URL, URL: pkg.address}
	default:
		pkg.Source = localSource(from, pkg.address)
	}
	return nameEntry(&pkg.Entry, pkg.Package.Name, "", pkg.address)
}

// repository reads a git repository. A revision at the end of the address counts
// where there is no ref.
func (pkg *pipfilePackage) repository() (locked bool, err error) {
	address, ref := strings.TrimPrefix(pkg.address, "git+"), pkg.ref
	if scheme, target, ok := strings.Cut(address, "://"); ok {
		inAddress := gitAddress("git+"+scheme, "//"+target, "")
		address = inAddress.URL
		if ref == "" {
			ref = inAddress.Revision + inAddress.Reference
		}
	}
	switch {
	case strings.ContainsAny(address, "?#"):
		return false, errors.New("the address of a repository has a part after ? or #, which would hide the ref")
	case ref != "" && strings.Contains(address, "@"+ref):
		return false, errors.New("the address of a repository has the ref in it, where it says something else")
	}
	pkg.Source, locked = repositorySource("git", address, ref, "")
	return locked, nil
}
