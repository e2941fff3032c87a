package policy

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"

	"github.com/BurntSushi/toml"

	"github.com/lockkeeper/lockkeeper/docs/schematest"
)

// The published schema, by which editors complete and check, is of the keys that
// Parse reads, and knows every rule.
func TestTheSchemaIsWhatIsRead(t *testing.T) {
	schematest.Drift(t, "policy", reflect.TypeFor[file](), "toml")
	schema := schematest.Compile(t, "policy")
	rules := schema.Properties["rules"].Properties
	for _, rule := range Rules() {
		if rules[string(rule)] == nil {
			t.Errorf("the schema lacks the rule %s", rule)
		}
		if _, counts := daysSettings[rule]; counts != (rules[string(rule)+settingsSuffix] != nil) {
			t.Errorf("the schema and Parse differ about settings of %s", rule)
		}
	}
	if want := len(Rules()) + len(daysSettings); len(rules) != want {
		t.Errorf("the schema has %d keys below rules; want %d", len(rules), want)
	}
}

// An allow entry may name the rules that AllowRules gives, and its schema the same.
func TestTheAllowlistsSchemaKnowsItsRules(t *testing.T) {
	schema := schematest.Compile(t, "allow")
	entry := func(rule string) any {
		return map[string]any{"allow": []any{map[string]any{"package": "cargo/ring", "rules": []any{rule}}}}
	}
	for _, rule := range Rules() {
		if err := schema.Validate(entry(string(rule))); (err == nil) != slices.Contains(AllowRules(), string(rule)) {
			t.Errorf("the schema says of an entry for %s: %v", rule, err)
		}
	}
}

// Schema and Parse say the same of a file.
func TestTheSchemaJudgesAsParseDoes(t *testing.T) {
	schema := schematest.Compile(t, "policy")
	for _, text := range []string{
		Template, "", "[scan]\nmode = \"all\"\n", "[allowlist]\nrecord = \"none\"\n", "[allowlist]\nrecord = \"branch\"\nbot-branches = true\n",
		"[scan]\nmode = \"changes\"\n", "[scan]\nlockfiles = [\"**\"]\nignore = [\"a/**\"]\n",
		"[reviewers]\nusers = [\"alice\"]\nteams = [\"security\"]\npermission = \"admin\"\ncount = 2\nreason = \"required\"\n",
		"[rules]\nunverified = \"warn\"\n[rules.release-too-new-settings]\ndays = 3\n",
		"[[override]]\npaths = [\"tools/**\"]\nrules = { build-code-changed = \"off\" }\n",
		"[[override]]\npackages = [\"cargo/windows-*\"]\nrules = { build-code-changed = \"block\" }\n",
		"[registries.corp]\nunknown = \"warn\"\n",
		// Mistakes.
		"[registries.corp]\nunknown = \"off\"\n", "[registries.corp]\n", "[registries.corp]\nknown = \"warn\"\n", "[scan]\nmode = \"some\"\n", "[allowlist]\nrecord = \"main\"\n", "[allowlist]\nbot-branches = true\n", "[allowlist]\nrecord = \"none\"\nbot-branches = true\n", "[scan]\nlockfiles = []\n", "[scan]\nlokfiles = [\"**\"]\n", "[scann]\n",
		"[reviewers]\ncount = 0\n", "[reviewers]\ncount = \"2\"\n", "[reviewers]\npermission = \"read\"\n", "[reviewers]\nreason = \"maybe\"\n", "[reviewers]\nusers = \"alice\"\n",
		"[rules]\nunverified = \"off\"\n", "[rules]\nrelase-too-new = \"warn\"\n", "[rules]\nrelease-too-new = \"sometimes\"\n",
		"[rules.release-too-new-settings]\ndays = -1\n", "[rules.release-too-new-settings]\nweeks = 1\n", "[rules.build-code-added-settings]\ndays = 1\n",
		"[[override]]\nrules = { build-code-changed = \"off\" }\n", "[[override]]\npaths = [\"a\"]\n", "[[override]]\npackages = [\"npm/x\"]\nrules = { build-code-changed = \"off\" }\n",
		"[[override]]\npaths = [\"a\"]\nrules = { nothing = \"off\" }\n", "[override]\npaths = [\"a\"]\nrules = { build-code-changed = \"off\" }\n",
	} {
		_, parse := Parse(Path, []byte(text))
		var doc map[string]any
		if _, err := toml.Decode(text, &doc); err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		var plain any
		if err := json.Unmarshal(data, &plain); err != nil {
			t.Fatal(err)
		}
		if plain == nil {
			plain = map[string]any{}
		}
		if err := schema.Validate(plain); (err == nil) != (parse == nil) {
			t.Errorf("of\n%s\nthe schema says %v; Parse says %v", text, err, parse)
		}
	}
}
