package html

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	xhtml "golang.org/x/net/html"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/buildcode"
	"github.com/lockkeeper/lockkeeper/report"
	"github.com/lockkeeper/lockkeeper/scan"
)

var update = flag.Bool("update", false, "write what is rendered to testdata")

func TestBody(t *testing.T) {
	for name, o := range map[string]Options{
		"body.html": {},
		"form.html": {Form: "sign", Said: map[lockkeeper.Digest][]string{example().Decision.Outcomes[0].Digest: {"you signed off; not counted yet"}}, Only: "pkg:cargo/proc-macro1@1.0.107"},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := Body(&b, example(), o); err != nil {
				t.Fatal(err)
			}
			path := "testdata/" + name
			if *update {
				if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), b.String()); diff != "" {
				t.Errorf("%s (-want +got); if it is as it should be, run with -update:\n%s", path, diff)
			}
		})
	}
}

func FuzzDiff(f *testing.F) {
	for _, seed := range []string{
		"", "--- /dev/null\n+++ b/build.rs\n@@ -0,0 +1,2 @@\n+a\n+b\n", "--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n--- a/y\n++++ b/y\n c\n",
		"--- a/x\n+++ b/x\nbinary file changed\n", "--- a/x\n+++ b/x\n@@ -1,1 +1,1 @@\n-a\n\\ No newline at end of file\n+b\n\\ No newline at end of file\n",
		"--- a/x\n+++ b/x\n@@ -1,9 +1,9 @@\n a\n... 12 more lines\n", "@@ -1 +1 @@\n", "--- a\n", "--- \"a/\\n\"\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n", "@@ -99999999999 +1 @@",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		lines := 0
		for _, file := range parseDiff(text) {
			for _, h := range file.Hunks {
				for _, r := range h.Runs {
					if len(r.Same) > 0 && len(r.Removed)+len(r.New) > 0 || len(r.Same)+len(r.Removed)+len(r.New) == 0 {
						t.Errorf("a run of both, or of nothing: %+v", r)
					}
					lines += len(r.Same) + len(r.Removed) + len(r.New)
				}
			}
		}
		if most := strings.Count(text, "\n") + 1; lines > most {
			t.Errorf("%d lines out of %d", lines, most)
		}
	})
}

// TestNoLineOfADiffIsLost: every line of what buildcode makes is shown, whatever
// stands in it.
func TestNoLineOfADiffIsLost(t *testing.T) {
	before := "a\n--- a/other\n+++ b/other\n@@ -1,1 +1,1 @@\n\\ No newline\n... 3 more lines\nz\n"
	after := "a\n--- a/other\n++ b/other\n@@ -1,1 +1,1 @@\n-- x\n\n... 3 more lines\ny"
	c := codeOf("build.rs", before, after)
	files := parseDiff(c.Diff)
	if len(files) != 1 || files[0].Added != c.Inserted || files[0].Removed != c.Deleted {
		t.Fatalf("files %+v, want one with +%d -%d of\n%s", files, c.Inserted, c.Deleted, c.Diff)
	}
	var old, new []string
	for _, h := range files[0].Hunks {
		for _, r := range h.Runs {
			for _, l := range r.Same {
				old, new = append(old, l.Text), append(new, l.Text)
			}
			for _, l := range r.Removed {
				old = append(old, l.Text)
			}
			for _, l := range r.New {
				new = append(new, l.Text)
				if l.Text == "y" && !l.NoEnd {
					t.Error("the missing line end is not said")
				}
			}
		}
	}
	if got := strings.Join(old, "\n") + "\n"; got != before {
		t.Errorf("old side:\n%s", got)
	}
	if got := strings.Join(new, "\n"); got != after {
		t.Errorf("new side:\n%s", got)
	}
}

// nasty is what must come out inert.
var nasty = []string{
	"<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, "javascript:alert(1)", "' onmouseover='alert(1)", "</style><script>alert(1)</script>",
	"</code></pre></details><h1>Approved</h1>", "{{.Title}}", "&lt;b&gt;", "a\u202egnp.exe", "\x1b[31mred\x1b[0m", "\xff\xfe", "<!-- -->", "]]>", "\u2028\u2029", "a\x00b", "<svg/onload=alert(1)>",
}

// TestPromise7DocumentsAreInert: with foreign text everywhere there are no other
// elements and attributes than with harmless text.
func TestPromise7DocumentsAreInert(t *testing.T) {
	want := tags(t, render(t, fill(example(), "harmless")))
	for _, s := range nasty {
		out := render(t, fill(example(), s))
		if got := tags(t, out); got != want {
			t.Errorf("%q changes the elements (-want +got):\n%s", s, cmp.Diff(want, got))
		}
		if hidden := hiddenIn(out); hidden != "" {
			t.Errorf("%q leaves %q in the document", s, hidden)
		}
	}
}

// hiddenIn is the first character of a document that nobody sees, empty for none.
func hiddenIn(document string) string {
	for _, r := range document {
		if r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
			return string(r)
		}
	}
	return ""
}

// fill puts s wherever foreign text can be.
func fill(r *report.Report, s string) *report.Report {
	r.Pull.Title, r.Pull.Author = s, s
	r.Decision.Reviewers, r.Decision.Notes = s, []string{s}
	r.Scan.Base = s
	r.Scan.Lockfiles[0].Path, r.Scan.Lockfiles[0].Replaces = s, s
	for i := range r.Decision.Outcomes {
		o := &r.Decision.Outcomes[i]
		f := &o.Finding
		for j := range r.Scan.Changes {
			if c := &r.Scan.Changes[j]; c.Package == f.Package {
				c.Package.Name, c.Package.Version, c.Through = s, fmt.Sprint(i, s), []string{s}
				c.Published = scan.Published{By: user(s, s), Environment: s, Basis: scan.Verified, Compared: 3, Before: user(s, s), Others: 2}
			}
		}
		f.Package.Name, f.Package.Version, f.From, f.Message, f.Evidence, f.Lockfile = s, fmt.Sprint(i, s), s, s, []string{s}, s
		o.Why, o.Refused = []string{s}, []string{s}
		for j := range o.SignedBy {
			o.SignedBy[j].Login = s
		}
		if f.Code != nil {
			code := codeOf("build.rs", "", "fn main() {} // "+s+"\n", buildcode.Capability(s))
			code.Diff = strings.ReplaceAll(code.Diff, "b/build.rs", strconv.Quote("b/"+s+".rs"))
			code.Uses = []buildcode.Use{{Capability: buildcode.Capability(s), Path: s, Line: 1, Text: s}}
			f.Code = code
		}
	}
	r.Scan.Changes[2].Package.Name, r.Scan.Changes[2].Note, r.Scan.Changes[2].Published.By = s, s, user(s, s)
	return r
}

func render(t *testing.T, r *report.Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := Document(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// tags lists elements and the names of their attributes; colours of code aside, which
// follow from its text.
func tags(t *testing.T, document string) string {
	t.Helper()
	var out strings.Builder
	z := xhtml.NewTokenizer(strings.NewReader(document))
	colour := 0
	for {
		switch z.Next() {
		case xhtml.ErrorToken:
			return out.String()
		case xhtml.StartTagToken, xhtml.SelfClosingTagToken:
			token := z.Token()
			fmt.Fprintf(&out, "<%s", token.Data)
			for _, a := range token.Attr {
				fmt.Fprintf(&out, " %s", a.Key)
				if a.Key == "href" && strings.Contains(a.Val, "javascript:") {
					t.Errorf("link to %q", a.Val)
				}
				if token.Data == "span" && a.Key == "class" && strings.HasPrefix(a.Val, "h") {
					colour++
				}
			}
			out.WriteString(">\n")
			if text := out.String(); colour > 0 && strings.HasSuffix(text, "<span class>\n") {
				out.Reset()
				out.WriteString(strings.TrimSuffix(text, "<span class>\n"))
				colour--
			}
		}
	}
}

// TestDocumentLoadsNothing: one file, whose policy forbids what it does not need.
func TestDocumentLoadsNothing(t *testing.T) {
	out := render(t, example())
	for _, no := range []string{"<script", "src=", "<link", "url(", "@import", "style=", "onclick"} {
		if strings.Contains(out, no) {
			t.Errorf("the document has %q", no)
		}
	}
	if !strings.Contains(out, `http-equiv="Content-Security-Policy" content="default-src &#39;none&#39;; style-src &#39;sha256-`) {
		t.Error("the document has no policy of its own")
	}
}

// TestHugeReportsAreBounded: five hundred packages with the longest diffs.
func TestHugeReportsAreBounded(t *testing.T) {
	r := many(500)
	long := codeOf("build.rs", "", strings.Repeat("    let x = 1; // é <b>\n", 3000), buildcode.Network)
	for i := range r.Decision.Outcomes {
		r.Decision.Outcomes[i].Finding.Code = long
	}
	var b bytes.Buffer
	if err := Body(&b, r, Options{Form: "sign", MaxDiff: 1 << 20, Whole: func(s report.Section) string { return "?only=" + s.Title }}); err != nil {
		t.Fatal(err)
	}
	if b.Len() > 8<<20 {
		t.Errorf("%d bytes", b.Len())
	}
	if n := strings.Count(b.String(), `type="checkbox"`); n != 500 {
		t.Errorf("%d boxes, want one for each finding", n)
	}
	if !strings.Contains(b.String(), `href="?only=crate-499"`) {
		t.Error("what is cut has no address of its own")
	}
	b.Reset()
	if err := Body(&b, r, Options{Only: "pkg:cargo/crate-499@1.0.0"}); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(b.String(), `<section class="package`); n != 1 || !strings.Contains(b.String(), "let") {
		t.Errorf("alone: %d packages", n)
	}
}

func BenchmarkDocument(b *testing.B) {
	r := many(40)
	b.ReportAllocs()
	for b.Loop() {
		if err := Document(io.Discard, r); err != nil {
			b.Fatal(err)
		}
	}
}
