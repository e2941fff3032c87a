package report

import (
	"fmt"
	"strings"

	"github.com/lockkeeper/lockkeeper/allowlist"
)

// Bounds on the texts of Lockkeeper's own pull requests.
const (
	maxOffered   = 200    // entries listed
	maxOfferText = 60_000 // bytes
)

// Record is a pull request that adds signed-off entries to the allowlist.
type Record struct {
	// Entries are added, each with the pull request that it was signed off in.
	Entries []allowlist.Entry
	// Unrecordable are packages whose sign-offs no entry can record.
	Unrecordable []string
	// Expiring are entries of the base branch that expire within 30 days.
	Expiring []allowlist.Entry
	// Removable are entries of the base branch that admit nothing any more.
	Removable []allowlist.Problem
	// Foreign is what people pushed to the branch; nil if nobody did.
	Foreign *Foreign
	// Reviewers says in words who may approve.
	Reviewers string
	Base      string // branch
}

// Foreign is what the branch of a pull request of Lockkeeper's own has that is not
// Lockkeeper's.
type Foreign struct {
	Added  []allowlist.Entry // that nobody signed off
	Gone   []allowlist.Entry // of the base branch
	Broken bool              // the allowlist cannot be read
}

// Title counts what is recorded.
func (r Record) Title() string {
	return "Allowlist: " + count(len(r.Entries), "sign-off to record", "sign-offs to record")
}

// Text is its description.
func (r Record) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "This adds to `%s` what reviewers signed off in pull requests that are merged into %s, so that the same is not asked again. Every other byte of the file stays as it is.\n\n",
		allowlist.Path, markdownCode(r.Base, false))
	r.Foreign.warn(&b)
	b.WriteString("| package | is admitted | signed off by | in | reason |\n|---|---|---|---|---|\n")
	for _, e := range r.Entries[:min(len(r.Entries), maxOffered)] {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", tableText(e.Package+versionsText(e)), tableText(e.Admitted()), tableText(e.SignedOffBy), pullText(e.SignedOffIn), tableText(shorten(e.Reason, 200)))
	}
	more(&b, len(r.Entries))
	b.WriteString("\nAn entry is wider than the one release that was signed off: it admits what the second column says. So the check of this pull request wants what every change of the allowlist wants, the approving review of a reviewer")
	if r.Reviewers != "" {
		fmt.Fprintf(&b, " (%s)", markdownText(r.Reviewers))
	}
	b.WriteString("; whoever signed off may give it. Lockkeeper approves and merges nothing. Until this is merged the sign-offs themselves hold, for exactly what was signed. Closing it means that these are not to be recorded, and they are not offered again.\n")
	for _, name := range r.Unrecordable[:min(len(r.Unrecordable), maxOffered)] {
		fmt.Fprintf(&b, "\n- %s was signed off, but no entry can admit it in general; it stays with its sign-off.", markdownCode(name, false))
	}
	r.reminders(&b)
	return cut(b.String(), maxOfferText)
}

// warn comes first: what people pushed to this branch looks like Lockkeeper's.
func (f *Foreign) warn(b *strings.Builder) {
	if f == nil {
		return
	}
	b.WriteString("**People pushed to this branch.** Read the whole diff before you approve it: not everything in it was signed off.\n\n")
	if f.Broken {
		b.WriteString("- The allowlist on this branch cannot be read.\n")
	}
	for _, e := range f.Added[:min(len(f.Added), maxOffered)] {
		fmt.Fprintf(b, "- Nobody signed off: %s, %s\n", markdownCode(e.Package+versionsText(e), false), markdownCode(e.Admitted(), false))
	}
	more(b, len(f.Added))
	for _, e := range f.Gone[:min(len(f.Gone), maxOffered)] {
		fmt.Fprintf(b, "- Gone or changed: %s, %s\n", markdownCode(e.Package+versionsText(e), false), markdownCode(e.Admitted(), false))
	}
	more(b, len(f.Gone))
	b.WriteString("\n")
}

func (r Record) reminders(b *strings.Builder) {
	if len(r.Expiring) > 0 {
		b.WriteString("\n\n**These entries expire soon.** Give them another day if they are to stay:\n\n")
		for _, e := range r.Expiring[:min(len(r.Expiring), maxOffered)] {
			fmt.Fprintf(b, "- line %d: %s, on %s\n", e.Line, markdownCode(e.Package, false), e.Expires.Format("2006-01-02"))
		}
		more(b, len(r.Expiring))
	}
	if len(r.Removable) > 0 {
		b.WriteString("\n\n**These entries can go.** They admit nothing that anybody needs; `lockkeeper allow prune` removes them:\n\n")
		for _, p := range r.Removable[:min(len(r.Removable), maxOffered)] {
			b.WriteString("- " + item(p.Message) + "\n")
		}
		more(b, len(r.Removable))
	}
}

// Onboarding is the pull request that a newly installed repository gets.
type Onboarding struct {
	// Lockfiles are the paths of those that were found.
	Lockfiles []string
	// All: the policy of the pull request has mode "all", and the allowlist is seeded
	// with Seeded. Unseeded are packages that it could not list, each with why.
	All      bool
	Seeded   []allowlist.Entry
	Unseeded []string
	Base     string // branch
	Check    string // name of the check
}

// Title of the pull request.
func (o Onboarding) Title() string { return "Watch lockfile changes with Lockkeeper" }

// Text is its description.
func (o Onboarding) Text() string {
	var b strings.Builder
	b.WriteString("Lockkeeper is installed here. It reads what pull requests do to lockfiles, and finds packages that gained or changed code that runs while they are built or installed, or that were published by somebody new. With this pull request merged, such a change waits until a reviewer signs off. Until then nothing is held: the check is neutral.\n\nWatched will be:\n\n")
	for _, p := range o.Lockfiles[:min(len(o.Lockfiles), maxOffered)] {
		b.WriteString("- " + markdownCode(p, false) + "\n")
	}
	more(&b, len(o.Lockfiles))
	b.WriteString("\n- `.lockkeeper/policy.toml` says who may sign off and what is asked for. Every key is explained, and what is written is the default.\n")
	if !o.All {
		b.WriteString("- `.lockkeeper/allow.toml` is empty. What stands in the lockfiles today is taken as it is; entries come with what is signed off.\n")
	} else {
		fmt.Fprintf(&b, "- `.lockkeeper/allow.toml` lists %s with build code that the lockfiles hold today. **Read it**: merging accepts all of them.\n", count(len(o.Seeded), "package", "packages"))
		o.seeds(&b)
	}
	fmt.Fprintf(&b, "\nAfter merging, make %s a required check of %s. Until it is required it only informs.\n\nNot wanted? Close this pull request: it means no, and it is not opened again. A `.lockkeeper/policy.toml` made by hand works just as well.\n",
		markdownCode(o.Check, false), markdownCode(o.Base, false))
	return cut(b.String(), maxOfferText)
}

// seeds shows first what people should look at: code that is accepted for what it is,
// since what it can do cannot be accepted in general.
func (o Onboarding) seeds(b *strings.Builder) {
	var exact []string
	for _, e := range o.Seeded {
		if e.BuildCode != "" {
			exact = append(exact, e.Package+versionsText(e))
		}
	}
	if len(exact) > 0 {
		b.WriteString("\nThese are able to do more than building takes, and are listed by the exact code that they have today:\n\n")
		for _, name := range exact[:min(len(exact), maxOffered)] {
			b.WriteString("- " + markdownCode(name, false) + "\n")
		}
		more(b, len(exact))
	}
	if len(o.Unseeded) > 0 {
		b.WriteString("\nThese could not be listed, and will be asked about when a pull request changes their lockfile:\n\n")
		for _, why := range o.Unseeded[:min(len(o.Unseeded), maxOffered)] {
			b.WriteString("- " + item(why) + "\n")
		}
		more(b, len(o.Unseeded))
	}
}

func tableText(s string) string { return strings.ReplaceAll(markdownText(s), "\n", " ") }

func versionsText(e allowlist.Entry) string {
	if e.Versions == "" {
		return " (every version)"
	}
	return " " + e.Versions
}

// pullText is "#12" as a link of GitHub's where it is that and nothing else.
func pullText(where string) string {
	number, ok := strings.CutPrefix(where, "#")
	if ok && number != "" && len(number) <= 10 && strings.Trim(number, "0123456789") == "" {
		return where
	}
	return tableText(where)
}

func more(b *strings.Builder, n int) {
	if n > maxOffered {
		fmt.Fprintf(b, "\nand %d more\n", n-maxOffered)
	}
}
