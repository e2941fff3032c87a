package server

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/policy"
)

func TestParseCommands(t *testing.T) {
	for _, test := range []struct {
		name, body string
		want       []command
	}{
		{"plain", `/lockkeeper sign-off ring "assembles with cc"`, []command{{verb: signOff, targets: []string{"ring"}, reason: "assembles with cc"}}},
		{"unquoted reason", "/lockkeeper sign-off ring assembles with cc", []command{{verb: signOff, targets: []string{"ring"}, reason: "assembles with cc"}}},
		{"several targets", `/Lockkeeper SignOff ring cc@1.2.1 "fine"`, []command{{verb: signOff, targets: []string{"ring", "cc@1.2.1"}, reason: "fine"}}},
		{"two words", "/lockkeeper sign off all “typed on a phone”", []command{{verb: signOff, targets: []string{"all"}, reason: "typed on a phone"}}},
		{"open quote", `/lockkeeper reject ring "no`, []command{{verb: reject, targets: []string{"ring"}, reason: "no"}}},
		{"withdraw", "/lockkeeper withdraw ring\r\nthanks", []command{{verb: withdraw, targets: []string{"ring"}}}},
		{"typed on a phone", "/lockkeeper sign\u2013off ring \u201cfine\u201d", []command{{verb: signOff, targets: []string{"ring"}, reason: "fine"}}},
		{"explain", "/lockkeeper explain ring cc", []command{{verb: explain, targets: []string{"ring", "cc"}}}},
		{"help me", "/lockkeeper HELP me", []command{{verb: help}}},
		{"rescan", "please\n/lockkeeper rescan", []command{{verb: rescan}}},
		{"a slip of the hand is not guessed", "/lockkeeper singoff ring", []command{{name: "singoff"}}},
		{"not understood", "/lockkeeper approve everything", []command{{name: "approve"}}},
		{"nothing said", "/lockkeeper", []command{{}}},
		{"two lines", "/lockkeeper sign-off a x\n/lockkeeper reject b y", []command{{verb: signOff, targets: []string{"a"}, reason: "x"}, {verb: reject, targets: []string{"b"}, reason: "y"}}},
		{"cited", "> /lockkeeper sign-off all ok", nil},
		{"in a code block", "```\n/lockkeeper sign-off all ok\n```", nil},
		{"in a longer fence", "````\n```\n/lockkeeper sign-off all ok\n```\n````", nil},
		{"after a code block", "```sh\nx\n```\n/lockkeeper rescan", []command{{verb: rescan}}},
		{"indented code", "    /lockkeeper sign-off all ok", nil},
		{"in the middle of a line", "use /lockkeeper sign-off all", nil},
		{"another program", "/lockkeepers sign-off all", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := parseCommands(test.body)
			for i := range got {
				got[i].line = ""
			}
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(command{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestSelectFindings(t *testing.T) {
	finding := func(eco lockkeeper.Ecosystem, name, version, file string) policy.Outcome {
		f := policy.Finding{Package: lockkeeper.Package{Ecosystem: eco, Name: name, Version: version}, Lockfile: file}
		return policy.Outcome{Finding: f, Digest: lockkeeper.Sum([]byte(string(eco) + name + version + file))}
	}
	outcomes := []policy.Outcome{
		finding(lockkeeper.Cargo, "ring", "0.17.8", "Cargo.lock"),
		finding(lockkeeper.Cargo, "ring", "0.16.0", "Cargo.lock"),
		finding(lockkeeper.Cargo, "yaml", "1.0.0", "Cargo.lock"),
		finding(lockkeeper.PyPI, "yaml", "1.0.0", "poetry.lock"),
		finding(lockkeeper.PyPI, "my-pkg", "2.0", "poetry.lock"),
		{Finding: policy.Finding{Lockfile: ".cargo/config.toml"}, Digest: lockkeeper.Sum([]byte("file"))},
	}
	for target, want := range map[string]int{
		"all": 6, "ring": 2, "`ring`": 2, "ring@0.17.8": 1, "cargo/ring": 2, "pkg:cargo/ring@0.16.0": 1,
		"yaml": 0, "pypi/yaml": 1, "cargo/yaml@1.0.0": 1, ".cargo/config.toml": 1, "Cargo.lock": 0,
		"ring:": 2, "`ring`,": 2, "(cc)": 0, "Ring": 0, "pypi/YAML": 1, "My_Pkg": 1, "my.pkg@2.0": 1, "pypi/MY-pkg": 1, "pypi/my_pkg@1.0": 0,
		"rin": 0, "": 0, "sha256:": 0, outcomes[2].Digest.Hex()[:8]: 1, outcomes[2].Digest.Hex()[:7]: 0, string(outcomes[0].Digest): 1,
	} {
		if got := selectFindings(outcomes, target); len(got) != want {
			t.Errorf("%q means %d findings, want %d", target, len(got), want)
		}
	}
}

func FuzzParseCommands(f *testing.F) {
	f.Add("/lockkeeper sign-off ring \"x\"\n```\n/lockkeeper reject all\n```")
	f.Add("/lockkeeper sign off “ “")
	f.Fuzz(func(t *testing.T, body string) {
		for _, c := range parseCommands(body) {
			if len(c.reason) > maxReason || strings.Contains(c.line, "\n") {
				t.Errorf("%q gave %+v", body, c)
			}
			if _, ok := c.verb.verdict(); !ok && c.verb != explain && len(c.targets) > 0 {
				t.Errorf("%q: targets without a verdict: %+v", body, c)
			}
		}
	})
}
