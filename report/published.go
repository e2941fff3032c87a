package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/scan"
)

// publishedLine says who published a release, as whom before, and what that rests
// on: "published by user:52 (briansmith), as the 14 releases before". What is not
// known is said as such. It is empty where no registry was asked.
func publishedLine(p scan.Published) string {
	if !p.Asked() {
		return ""
	}
	if !p.By.Known() {
		return "publisher unknown: " + p.Unknown + compared(p)
	}
	return "published by " + who(p.By, p.Environment) + compared(p) + basis(p)
}

// who names somebody for people: the workflow of a repository and the environment
// that it deploys to stand behind it.
func who(p lockkeeper.Principal, environment string) string {
	repository, workflow := scan.CutWorkflow(p)
	details := slices.DeleteFunc([]string{workflow, p.Login}, func(s string) bool { return s == "" })
	if environment != "" {
		details = append(details, fmt.Sprintf("environment %q", environment))
	}
	text := "unknown"
	if p.Known() {
		text = string(p.Kind) + ":" + repository
	}
	if len(details) > 0 {
		text += " (" + strings.Join(details, ", ") + ")"
	}
	return text
}

// compared sets a publisher beside those of the releases below.
func compared(p scan.Published) string {
	switch {
	case p.Compared == 0 && p.Whole:
		return ", the first release"
	case p.Compared == 0:
		return ""
	case p.Same == p.Compared && p.Whole:
		return ", as " + releasesBefore(p.Same)
	case p.Same == p.Compared:
		return ", as at least " + releasesBefore(p.Same)
	case p.Same > 0:
		return ", as " + releasesBefore(p.Same) + "; " + others(p, "before those ")
	case !p.By.Known():
		return "; " + others(p, "before ")
	case p.Earlier > 0:
		return fmt.Sprintf(", as %d of %s; %s", p.Earlier, releasesBefore(p.Compared), others(p, "before "))
	}
	first := "them"
	if p.Trusted() {
		first = "it"
	}
	return ", the first by " + first + "; " + others(p, "before ")
}

func releasesBefore(n int) string {
	if n == 1 {
		return "the release before"
	}
	return fmt.Sprintf("the %d releases before", n)
}

// others names who published the ones below.
func others(p scan.Published, before string) string {
	text := "the one " + before
	if p.Others > 1 {
		text = fmt.Sprintf("the %d %s", p.Others, before)
	}
	if !p.Before.Known() {
		return text + "by somebody unknown"
	}
	return text + "by " + who(p.Before, "")
}

// basis says what the name of a trusted publisher rests on. Users are known to the
// registry alone.
func basis(p scan.Published) string {
	switch {
	case p.Basis == scan.Verified:
		return "; verified by attestations"
	case p.Trusted():
		return "; trusted publishing, as the registry states it"
	}
	return ""
}
