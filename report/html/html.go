// Package html renders a report as HTML: a document of its own, for a file, and the
// body of a server's page, which are one template. There is no script, nothing is
// loaded from elsewhere, and the style sheet is the same for both.
//
// Text from packages, lockfiles and people is hostile. It goes through
// report.Visible, then through html/template, and long lines of code wrap, so that
// nothing hides beyond the right edge.
package html

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/report"
)

// Style is the style sheet of documents and pages, light and dark.
//
//go:embed style.css
var Style string

//go:embed *.tmpl
var files embed.FS

var templates = template.Must(template.ParseFS(files, "*.tmpl"))

// Options of Body. The zero value shows everything and asks for nothing.
type Options struct {
	// Form is the id of the form that takes the digests of ticked findings, named
	// "finding"; empty leaves the boxes out.
	Form string
	// Ticked are the findings whose boxes are ticked at first.
	Ticked map[lockkeeper.Digest]bool
	// Said is what else to say about a finding: verdicts that no scan has counted yet.
	Said map[lockkeeper.Digest][]string
	// MaxDiff bounds the diffs shown together, in bytes; 0 means 4 MiB.
	MaxDiff int
	// Whole gives the address of a page that shows one package alone, for what
	// MaxDiff cuts; nil where there is none.
	Whole func(report.Section) string
	// Only shows the package with this package URL, or the file with this path, alone.
	Only string
}

// Body writes the report as the content of a page's main element, its only h1
// included.
func Body(w io.Writer, r *report.Report, o Options) error {
	if err := templates.ExecuteTemplate(w, "body.tmpl", view(r, o)); err != nil {
		return fmt.Errorf("render the report: %w", err)
	}
	return nil
}

// Document writes the report as a document of its own. Its own Content Security
// Policy forbids it to load or run anything.
func Document(w io.Writer, r *report.Report) error {
	var body bytes.Buffer
	if err := Body(&body, r, Options{}); err != nil {
		return err
	}
	return write(w, r.Title(), body.String())
}

// write makes a document of what a template made.
func write(w io.Writer, title, body string) error {
	sum := sha256.Sum256([]byte(Style))
	page := struct {
		Title, Policy string
		Style         template.CSS
		Body          template.HTML
	}{
		Title:  title,
		Policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'",
		Style:  template.CSS(Style), // ours
		Body:   template.HTML(body), // escaped by the template
	}
	if err := templates.ExecuteTemplate(w, "document.tmpl", page); err != nil {
		return fmt.Errorf("render the report: %w", err)
	}
	return nil
}
