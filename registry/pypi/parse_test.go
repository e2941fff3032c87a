package pypi

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/registry"
)

var filenames = []struct {
	project, filename string
	kind              registry.Kind
	version           string
}{
	{"numpy", "numpy-2.1.0-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", registry.Wheel, "2.1.0"},
	{"foo", "foo-1.0-1-py3-none-any.whl", registry.Wheel, "1.0"},
	{"foo-bar", "Foo.Bar-1.0-py3-none-any.whl", registry.Wheel, "1.0"},
	{"torch", "torch-2.0.0+cu118-cp311-cp311-linux_x86_64.whl", registry.Wheel, "2.0.0+cu118"},
	{"foo", "foo-1.0_1-py3-none-any.whl", registry.Wheel, "1.0.post1"},
	{"foo", "foo-v1.0.0RC1-py2.py3-none-any.whl", registry.Wheel, "1.0.0rc1"},
	{"python-dateutil", "python-dateutil-2.8.2.tar.gz", registry.Sdist, "2.8.2"},
	{"python-dateutil", "python_dateutil-2.9.0.post0.tar.gz", registry.Sdist, "2.9.0.post0"},
	{"zope-interface", "zope.interface-5.0.zip", registry.Sdist, "5.0"},
	{"foo", "foo-1.0-1.tar.gz", registry.Sdist, "1.0.post1"},
	{"foo", "foo-1.0-beta-2.tgz", registry.Sdist, "1.0b2"},
	{"foo-2", "foo-2-3.0.tar.bz2", registry.Sdist, "3.0"},
	{"foo", "foo-2-3.0.tar.gz", registry.Sdist, "2-3.0"}, // no PEP 440 version: as written
	{"pytz", "pytz-2004b.tar.gz", registry.Sdist, "2004b0"},
	{"foo", "foo-2004d.tar.gz", registry.Sdist, "2004d"},
	{"foo", "bar-1.0.tar.gz", "", ""},
	{"foo", "foo-1.0.egg", "", ""},
	{"foo", "foo-1.0.win32.exe", "", ""},
	{"foo", "foo-1.0-py3-none.whl", "", ""},
	{"foo", "foo--py3-none-any.whl", "", ""},
	{"foo", "foo-.tar.gz", "", ""},
	{"foo", "../foo-1.0.tar.gz", "", ""},
	{"foo", "foo-1.0\n.tar.gz", "", ""},
	{"foo", "foo.tar.gz", "", ""},
	{"foo", "", "", ""},
}

func TestParseFilename(t *testing.T) {
	for _, test := range filenames {
		kind, version, ok := parseFilename(test.project, test.filename)
		if kind != test.kind || version != test.version || ok != (test.kind != "") {
			t.Errorf("parseFilename(%q, %q) = %q, %q, %t; want %q, %q", test.project, test.filename, kind, version, ok, test.kind, test.version)
		}
	}
}

func FuzzParseFilename(f *testing.F) {
	for _, test := range filenames {
		f.Add(test.project, test.filename)
	}
	f.Fuzz(func(t *testing.T, project, filename string) {
		kind, version, ok := parseFilename(project, filename)
		if ok != (kind != "") || ok != (version != "") {
			t.Fatalf("%q, %q, %t", kind, version, ok)
		}
		if ok && (strings.ContainsAny(version, "/\\\n ") || !strings.HasPrefix(NormalName(filename), strings.TrimRight(project, "-"))) {
			t.Fatalf("version %q of %q in %q", version, project, filename)
		}
	})
}

const realPage = `{"meta":{"_last-serial":23456789,"api-version":"1.4"},"name":"sampleproject","project-status":{"status":"active"},
"alternate-locations":[],"versions":["1.0","4.0.0"],"files":[
{"core-metadata":{"sha256":"aa"},"data-dist-info-metadata":{"sha256":"aa"},"filename":"sampleproject-4.0.0-py3-none-any.whl",
 "hashes":{"sha256":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},
 "provenance":"https://index.example.invalid/integrity/sampleproject/4.0.0/sampleproject-4.0.0-py3-none-any.whl/provenance",
 "requires-python":">=3.9","size":4662,"upload-time":"2024-11-06T22:37:08.123456Z",
 "url":"https://files.example.invalid/packages/01/sampleproject-4.0.0-py3-none-any.whl","yanked":false},
{"core-metadata":false,"filename":"sampleproject-1.0.tar.gz","hashes":{"md5":"00"},"provenance":null,"requires-python":null,
 "upload-time":"2013-02-02T02:02:02Z","url":"../../packages/sampleproject-1.0.tar.gz#sha256=00","yanked":"broken"},
{"filename":"sampleproject-1.0.win32.exe","hashes":{},"url":"x","yanked":false}]}`

func TestParseRealPage(t *testing.T) {
	base, err := url.Parse("https://index.example.invalid/simple/sampleproject/")
	if err != nil {
		t.Fatal(err)
	}
	p, err := parseSimple("sampleproject", base, []byte(realPage))
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Releases) != 2 || p.Releases[0].Package.Version != "1.0" || !p.Releases[0].Yanked {
		t.Fatalf("releases = %+v", p.Releases)
	}
	old, last := p.Releases[0].Artifacts[0], p.Releases[1].Artifacts[0]
	if old.Digest != "" || old.URL != "https://index.example.invalid/packages/sampleproject-1.0.tar.gz" {
		t.Errorf("old = %+v", old)
	}
	if !last.Attested || last.Size != 4662 || p.spelling(last) != "4.0.0" {
		t.Errorf("last = %+v", last)
	}
	if diff := cmp.Diff([]string{"sampleproject-1.0.win32.exe"}, p.Skipped); diff != "" {
		t.Errorf("skipped (-want +got):\n%s", diff)
	}
}

var brokenPages = []string{
	``, `[]`, `null`, `<html>`, `{"name":"sampleproject"}`, `{"name":"other","files":[]}`,
	`{"meta":{"api-version":"2.0"},"name":"sampleproject","files":[]}`,
	`{"name":"sampleproject","files":[{"filename":"sampleproject-1.0.zip","hashes":{"sha256":"00"}}]}`,
	`{"name":"sampleproject","files":[{"filename":"sampleproject-1.0.zip","size":-1}]}`,
	`{"name":"sampleproject","files":[{"filename":"sampleproject-1.0.zip","yanked":1}]}`,
	`{"name":"sampleproject","files":[{"filename":"sampleproject-1.0.zip","upload-time":"yesterday"}]}`,
	`{"name":"sampleproject","files":[{"filename":"sampleproject-1.0.zip","url":"http://a b/%zz"}]}`,
	`{"name":"sampleproject","files":[{"filename":"sampleproject-1.0.zip"},{"filename":"sampleproject-1.0.zip"}]}`,
}

func TestParseSimpleFailsClosed(t *testing.T) {
	for _, page := range brokenPages {
		if p, err := parseSimple("sampleproject", &url.URL{}, []byte(page)); err == nil {
			t.Errorf("%s gave %+v, want an error", page, p)
		}
	}
}

func FuzzParseSimple(f *testing.F) {
	for _, page := range append(brokenPages, realPage) {
		f.Add([]byte(page))
	}
	base := &url.URL{Scheme: "https", Host: "index.example.invalid", Path: "/simple/sampleproject/"}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := parseSimple("sampleproject", base, data)
		if err != nil {
			return
		}
		keys := map[string]bool{}
		for _, r := range p.Releases {
			key := registry.VersionKey(lockkeeper.PyPI, r.Package.Version)
			if keys[key] || len(r.Artifacts) == 0 {
				t.Fatalf("release %q twice or without files", r.Package.Version)
			}
			keys[key] = true
			if got := p.Release(r.Package.Version); got == nil || len(got.Artifacts) != len(r.Artifacts) {
				t.Fatalf("release %q is not found again", r.Package.Version)
			}
		}
	})
}
