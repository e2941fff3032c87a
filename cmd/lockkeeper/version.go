package main

import (
	"fmt"
	"runtime/debug"
	"strings"
)

// version and commit are set by scripts/release; others tell them from the build
// information.
var version, commit = "", ""

type versionCmd struct{}

func (versionCmd) Help() string { return "Example: lockkeeper version" }

func (versionCmd) Run(p *process) error {
	_, err := fmt.Fprintln(p.stdout, "lockkeeper", versionText())
	return err
}

func versionText() string {
	if version != "" && commit != "" {
		return version + " (" + commit + ")"
	}
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	text, revision, dirty := info.Main.Version, "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = " with changes"
		}
	}
	if text == "" || text == "(devel)" {
		text = "devel"
	}
	if len(revision) >= 12 {
		text += " (" + revision[:12] + dirty + ")"
	}
	return text
}

// agentVersion is the version as registries and GitHub are told it, in a User-Agent, where
// parentheses would begin a comment.
func agentVersion() string {
	first, _, _ := strings.Cut(versionText(), " ")
	return first
}

// semantic is the semantic version in a version's text; empty where there is none.
func semantic(text string) string {
	first, _, _ := strings.Cut(text, " ")
	if rest, ok := strings.CutPrefix(first, "v"); ok {
		return rest
	}
	return ""
}
