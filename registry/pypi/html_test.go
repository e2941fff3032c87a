package pypi

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/registry"
)

// Pages as indexes write them.
const (
	// simpleHTML is PEP 503's own form with the attributes that came later.
	simpleHTML = `<!DOCTYPE html>
<html><head>
<meta name="pypi:repository-version" content="1.1">
<title>Links for inner-lib</title>
</head><body><h1>Links for inner-lib</h1>
<!-- <a href="inner_lib-9.9.tar.gz">inner_lib-9.9.tar.gz</a> -->
<a href="../../packages/inner_lib-1.0-py3-none-any.whl#sha256=` + sum + `" data-requires-python="&gt;=3.9" data-core-metadata="true">inner_lib-1.0-py3-none-any.whl</a><br>
<A HREF='../../packages/inner%5Flib-1.0.tar.gz#sha256=` + sum + `&amp;egg=x' DATA-YANKED="broken">inner_lib-1.0.tar.gz</A>
<a href="/other/inner.lib-1.1.zip#md5=d41d8cd98f00b204e9800998ecf8427e" data-yanked>inner.lib-1.1.zip</a>
<a href="../">Parent Directory</a> <a name="top">top</a>
</body></html>`
	sum = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

func parseAt(t *testing.T, page string) (*project, error) {
	t.Helper()
	base, err := url.Parse("https://pypi.example.invalid/simple/inner-lib/")
	if err != nil {
		t.Fatal(err)
	}
	return parsePage("inner-lib", base, []byte(page))
}

func TestParseHTML(t *testing.T) {
	p, err := parseAt(t, simpleHTML)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range p.Releases {
		for _, a := range r.Artifacts {
			yanked := ""
			if a.Yanked {
				yanked = " yanked"
			}
			if !a.Uploaded.IsZero() || a.Size != 0 || a.Package != r.Package {
				t.Errorf("%+v", a)
			}
			got = append(got, strings.Join([]string{r.Package.Version, string(a.Kind), a.URL, a.Digest.Short(), a.RequiresPython}, " ")+yanked)
		}
	}
	want := []string{
		"1.0 wheel https://pypi.example.invalid/packages/inner_lib-1.0-py3-none-any.whl e3b0c44298fc >=3.9",
		"1.0 sdist https://pypi.example.invalid/packages/inner%5Flib-1.0.tar.gz e3b0c44298fc  yanked",
		"1.1 sdist https://pypi.example.invalid/other/inner.lib-1.1.zip   yanked",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{".."}, p.Skipped); diff != "" {
		t.Errorf("skipped (-want +got):\n%s", diff)
	}
}

func TestParseHTMLWithABase(t *testing.T) {
	p, err := parseAt(t, `<html><head><base href="/files/"><base href="/no/"></head><a href="inner_lib-1.0.tar.gz">x</a><a href="inner_lib-1.0.tar.gz">x</a>`)
	if err != nil {
		t.Fatal(err)
	}
	if a := p.Release("1.0").Artifacts; len(a) != 1 || a[0].URL != "https://pypi.example.invalid/files/inner_lib-1.0.tar.gz" || a[0].Kind != registry.Sdist {
		t.Errorf("%+v", a)
	}
}

func TestParseHTMLOfAQuarantinedProject(t *testing.T) {
	p, err := parseAt(t, `<meta name="pypi:project-status" content="quarantined"><body></body>`)
	if err != nil || !p.Quarantined {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestParseHTMLFailsClosed(t *testing.T) {
	for name, page := range map[string]string{
		"version":            `<meta name="pypi:repository-version" content="2.0">`,
		"two of one name":    `<a href="a/inner_lib-1.0.tar.gz">x</a><a href="b/inner_lib-1.0.tar.gz">x</a>`,
		"digest":             `<a href="inner_lib-1.0.tar.gz#sha256=e3b0">x</a>`,
		"address":            `<a href="http://[::1/inner_lib-1.0.tar.gz">x</a>`,
		"base":               `<base href="http://[::1/"><a href="inner_lib-1.0.tar.gz">x</a>`,
		"a tag without end":  `<a href="inner_lib-1.0.tar.gz` + strings.Repeat("x", 2<<20),
		"neither one of two": `index of inner-lib`,
		"maintenance":        `<html>busy</html>`,
		"log in":             `<!DOCTYPE html><a href="/login?next=/simple/inner-lib/">Log in</a><a href="other_lib-1.0.tar.gz">x</a>`,
	} {
		if p, err := parseAt(t, page); err == nil {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

func FuzzParseHTML(f *testing.F) {
	f.Add(simpleHTML)
	f.Add(`<base href="//x"><a href=inner_lib-1.tar.gz#sha256=` + sum + `><a href="?/inner_lib-1.tar.gz"><a href=" javascript:inner_lib-1.tar.gz">`)
	f.Add("\ufeff <a/href=x></a>")
	base, err := url.Parse("https://pypi.example.invalid/simple/inner-lib/")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, page string) {
		p, err := parseHTML("inner-lib", base, []byte(page))
		if err != nil {
			return
		}
		seen := map[string]bool{}
		for _, r := range p.Releases {
			for _, a := range r.Artifacts {
				if seen[a.Filename] || strings.Contains(a.Filename, "/") {
					t.Errorf("file %q", a.Filename)
				}
				seen[a.Filename] = true
				if _, err := url.Parse(a.URL); err != nil || strings.Contains(a.URL, "#") {
					t.Errorf("URL %q", a.URL)
				}
			}
		}
	})
}
