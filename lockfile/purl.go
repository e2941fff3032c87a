package lockfile

import "github.com/package-url/packageurl-go"

// PURL is the package URL of the entry (purl-spec), as
// "pkg:cargo/ring@0.17.8". Where it does not come from the public registry, the
// specification's qualifiers say from where: repository_url for another registry,
// vcs_url in the form of SPDX ("git+URL@COMMIT") for git, download_url for one
// file. The repository's own packages have none.
func (e *Entry) PURL() string {
	var qualifiers packageurl.Qualifiers
	add := func(key, value string) { qualifiers = packageurl.Qualifiers{{Key: key, Value: value}} }
	switch s := e.Source; {
	case s.Kind == Registry && s.URL != "":
		add("repository_url", ForPeople(s.URL))
	case s.Kind == Git && s.Revision != "":
		add("vcs_url", "git+"+ForPeople(s.URL)+"@"+s.Revision)
	case s.Kind == Git:
		add("vcs_url", "git+"+ForPeople(s.URL))
	case s.Kind == URL:
		add("download_url", ForPeople(s.URL))
	}
	p := e.Package
	return packageurl.NewPackageURL(string(p.Ecosystem), "", p.Name, p.Version, qualifiers, "").ToString()
}
