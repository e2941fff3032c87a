package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/policy"
)

// MaxCheckText is GitHub's limit for each text of a check run, in characters.
const MaxCheckText = 65535

// Annotation is a note at a line of a file of the pull request.
type Annotation struct {
	Path    string
	Line    int    // from 1
	Level   string // GitHub's: notice, warning, failure
	Title   string
	Message string
}

// Check is the report in the form of a check run.
type Check struct {
	Conclusion  policy.Conclusion
	Title       string
	Summary     string // Markdown
	Annotations []Annotation
}

// maxAnnotations of one check run: as many as GitHub takes with one request.
const maxAnnotations = 50

// CheckRun gives the report as a check run; detailsURL is the page about it and may be
// empty. Annotations are plain text, which
// GitHub shows as it is.
func CheckRun(r *Report, detailsURL string) Check {
	c := Check{
		Conclusion: r.Decision.Conclusion,
		Title:      r.Title(),
		Summary:    cut(r.body(detailsURL), MaxCheckText-200),
	}
	place := map[string]int{}
	left := 0
	for _, o := range gravestFirst(r.Decision.Outcomes) {
		f := o.Finding
		if f.Line < 1 {
			continue
		}
		what := strings.TrimSpace(f.Package.Name + " " + f.Package.Version)
		if what == "" {
			what = f.Lockfile
		}
		message := visible(strings.Join(append([]string{shorten(what+" "+f.Message, 1000)}, f.Evidence[:min(len(f.Evidence), maxEvidence)]...), "\n"), true)
		key := fmt.Sprintf("%s:%d:%s", f.Lockfile, f.Line, what)
		i, ok := place[key]
		if line := r.publishedOf(f.Package); line != "" && !ok {
			message += "\n" + visible(line, false)
		}
		if ok { // one annotation for each package at its line, the worst level first
			c.Annotations[i].Title = shorten(c.Annotations[i].Title+", "+string(f.Rule), 200)
			c.Annotations[i].Message = shorten(c.Annotations[i].Message+"\n"+message, 4000)
			continue
		}
		if len(c.Annotations) == maxAnnotations {
			left++
			continue
		}
		place[key] = len(c.Annotations)
		c.Annotations = append(c.Annotations, Annotation{
			Path: f.Lockfile, Line: f.Line, Level: annotationLevel(o.State),
			Title: shorten(visible(fmt.Sprintf("%s: %s", what, f.Rule), false), 200), Message: message,
		})
	}
	if left > 0 {
		c.Summary += fmt.Sprintf("\n%s not marked in the file, for want of room.\n", count(left, "further finding is", "further findings are"))
	}
	return c
}

// gravestFirst is the order of annotations: that of the decision, and in it as in the
// table.
func gravestFirst(outcomes []policy.Outcome) []policy.Outcome {
	sorted := slices.Clone(outcomes)
	slices.SortStableFunc(sorted, func(a, b policy.Outcome) int {
		if a.State != b.State {
			return 0 // the decision's own order
		}
		return cmp.Compare(weigh(b.Finding.Code), weigh(a.Finding.Code))
	})
	return sorted
}

func annotationLevel(s policy.State) string {
	switch s {
	case policy.Blocked, policy.Rejected:
		return "failure"
	case policy.Open:
		return "warning"
	}
	return "notice"
}
