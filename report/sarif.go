package report

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/docs"
	"github.com/lockkeeper/lockkeeper/policy"
)

// Bounds of GitHub's code scanning ("SARIF support for code scanning", Validating
// your SARIF file): it takes 25,000 results of a run and shows 5,000, and a rule's
// descriptions have at most 1,024 characters. Of a message it shows the first
// sentence where there is little room.
const (
	maxResults     = 5000
	maxDescription = 1024
	maxMessage     = 1000 // runes of a result's message
)

// sarifSchema is the standard's own name for its schema.
const sarifSchema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

// SARIF 2.1.0 (OASIS), the part of it that GitHub reads.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool       sarifTool       `json:"tool"`
		Automation sarifAutomation `json:"automationDetails"`
		Results    []sarifResult   `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifAutomation struct {
		ID string `json:"id"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		InformationURI string      `json:"informationUri"`
		Version        string      `json:"semanticVersion,omitempty"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID            string          `json:"id"`
		Name          string          `json:"name"`
		Short         sarifText       `json:"shortDescription"`
		Full          sarifText       `json:"fullDescription"`
		Help          sarifText       `json:"help"`
		HelpURI       string          `json:"helpUri"`
		Configuration sarifLevel      `json:"defaultConfiguration"`
		Properties    sarifProperties `json:"properties"`
	}
	sarifLevel struct {
		Level string `json:"level"`
	}
	sarifProperties struct {
		Tags      []string `json:"tags"`
		Precision string   `json:"precision"`
		Severity  string   `json:"security-severity"`
	}
	sarifText struct {
		Text     string `json:"text"`
		Markdown string `json:"markdown,omitempty"`
	}
	sarifResult struct {
		RuleID       string            `json:"ruleId"`
		RuleIndex    int               `json:"ruleIndex"`
		Level        string            `json:"level"`
		Message      sarifText         `json:"message"`
		Locations    []sarifLocation   `json:"locations"`
		Fingerprints map[string]string `json:"partialFingerprints"`
	}
	sarifLocation struct {
		Physical sarifPhysical `json:"physicalLocation"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   sarifRegion   `json:"region"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine int `json:"startLine"`
	}
)

// SARIF writes the report for code scanning. What is signed off or on the allowlist
// asks for nothing and is left out, so that its alert is closed.
func SARIF(w io.Writer, r *Report, version string) error {
	run := sarifRun{
		Tool:       sarifTool{Driver: sarifDriver{Name: "Lockkeeper", InformationURI: docs.Site + "rules.md", Version: version}},
		Automation: sarifAutomation{ID: "lockkeeper/"},
		Results:    []sarifResult{},
	}
	index := map[policy.Rule]int{}
	for i, rule := range policy.Rules() {
		index[rule] = i
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, ruleSARIF(rule))
	}
	for _, o := range r.Decision.Outcomes {
		level := resultLevel(o.State)
		if level == "" || len(run.Results) == maxResults {
			continue
		}
		run.Results = append(run.Results, sarifResult{
			RuleID: string(o.Finding.Rule), RuleIndex: index[o.Finding.Rule], Level: level,
			Message:   sarifText{Text: messageSARIF(r, o)},
			Locations: []sarifLocation{{Physical: sarifPhysical{Artifact: sarifArtifact{URI: fileURI(o.Finding.Lockfile)}, Region: sarifRegion{StartLine: max(1, o.Finding.Line)}}}},
			// What was found in which file, not at which line: an alert stays when lines move.
			Fingerprints: map[string]string{"primaryLocationLineHash": lockkeeper.Sum([]byte(o.Digest + "\x00" + lockkeeper.Digest(o.Finding.Lockfile))).Hex()[:16] + ":1"},
		})
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(sarifLog{Schema: sarifSchema, Version: "2.1.0", Runs: []sarifRun{run}})
}

func ruleSARIF(rule policy.Rule) sarifRule {
	page, _ := docs.Rule(string(rule))
	full := page.Summary
	if blocks := blocks(page.Text); len(blocks) > 3 {
		full += " " + plain(strings.Join(blocks[3], " "))
	}
	s := sarifRule{
		ID: string(rule), Name: string(rule), HelpURI: page.URL(),
		Short: sarifText{Text: shorten(page.Summary, maxDescription)}, Full: sarifText{Text: shorten(full, maxDescription)},
		Help:          sarifText{Text: plain(page.Text), Markdown: absolute(page.Text)},
		Configuration: sarifLevel{Level: "warning"},
		Properties:    sarifProperties{Tags: []string{"security", "supply-chain"}, Precision: "high", Severity: "5.0"},
	}
	switch strict, mild := rule.DefaultLevel(true), rule.DefaultLevel(false); {
	case mild == policy.BlockLevel:
		s.Configuration.Level, s.Properties.Severity = "error", "9.5"
	case mild == policy.SignOffLevel:
		s.Configuration.Level, s.Properties.Severity = "error", "7.5"
	case strict == policy.SignOffLevel:
		s.Properties.Precision = "medium"
	}
	return s
}

// absolute makes a page's links to its neighbours good anywhere.
func absolute(markdown string) string {
	markdown = strings.ReplaceAll(markdown, "](../", "]("+docs.Site)
	return neighbour.ReplaceAllString(markdown, "]("+docs.Site+"rules/$1.md")
}

// resultLevel is what SARIF calls a state; empty for what is settled.
func resultLevel(s policy.State) string {
	switch s {
	case policy.Blocked, policy.Rejected, policy.Open:
		return "error"
	case policy.Warned:
		return "note"
	}
	return ""
}

// messageSARIF begins with a sentence that stands for itself. What looks like a link
// to another place of the log is none (SARIF 2.1.0, section 3.11.6).
func messageSARIF(r *Report, o policy.Outcome) string {
	f := o.Finding
	g := group{title: f.Package.Name, pkg: f.Package, from: f.From, outcomes: []policy.Outcome{o}}
	if f.Package.Name == "" {
		g.title = f.Lockfile
	}
	parts := []string{strings.TrimSpace(g.title+" "+g.version(" -> ")) + " " + f.Message + "."}
	if c := g.code(); c != nil {
		files, capabilities := codeLine(c)
		parts = append(parts, fmt.Sprintf("Build code: %s; able to do: %s.", files, capabilities))
	}
	parts = append(parts, f.Evidence...)
	if who := r.published(g); who != "" {
		parts = append(parts, strings.ToUpper(who[:1])+who[1:]+".")
	}
	return strings.ReplaceAll(shorten(visible(strings.Join(parts, " "), false), maxMessage), "](", "] (")
}

// fileURI is a path as a relative reference (RFC 3986, section 4.2).
func fileURI(path string) string {
	u := url.URL{Path: path}
	return strings.TrimPrefix(u.EscapedPath(), "/")
}
