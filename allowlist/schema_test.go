package allowlist

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/lockkeeper/lockkeeper/docs"
	"github.com/lockkeeper/lockkeeper/docs/schematest"
)

// The published schema, by which editors complete and check, is of the keys that
// Parse reads.
func TestTheSchemaIsWhatIsRead(t *testing.T) {
	schematest.Drift(t, "allow", reflect.TypeFor[file](), "toml")
}

// Schema and Parse say the same of a file.
func TestTheSchemaJudgesAsParseDoes(t *testing.T) {
	schema := schematest.Compile(t, "allow")
	entry := func(lines string) string { return "[[allow]]\npackage = \"cargo/ring\"\n" + lines }
	digest := "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	for _, text := range []string{
		Template, "", entry(""), entry("versions = \"0.17\"\nmay = [\"compile\", \"run:perl\"]\n"), entry("may = []\n"), entry("build-code = \"" + digest + "\"\n"),
		entry("publishers = [\"user:52\", \"github:a/b\"]\n"), entry("rules = [\"release-too-new\"]\n"), entry("any = true\nreason = \"x\"\nsigned-off-by = \"alice\"\nsigned-off-in = \"#1\"\n"),
		entry("expires = 2027-05-22\n"), entry("expires = \"2027-05-22\"\n"),
		// Mistakes.
		"[[allow]]\nmay = []\n", "[[allow]]\npackage = \"npm/x\"\n", "[[allow]]\npackage = \"ring\"\n", entry("may = [\"fly\"]\n"), entry("may = [\"run:\"]\n"), entry("may = [\"unanalysed\"]\n"), entry("may = [\"run:?\"]\n"),
		entry("build-code = \"abc\"\n"), entry("publishers = []\n"), entry("rules = []\n"), entry("rules = [\"build-code-added\"]\n"), entry("any = 1\n"), entry("until = 2027-05-22\n"), entry("expires = \"soon\"\n"),
		"[allow]\npackage = \"cargo/ring\"\n",
	} {
		_, parse := Parse(Path, []byte(text), otherRules(t))
		var doc map[string]any
		if _, err := toml.Decode(text, &doc); err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(plain(t, doc)); (err == nil) != (parse == nil) {
			t.Errorf("of\n%s\nthe schema says %v; Parse says %v", text, err, parse)
		}
	}
}

// otherRules are those that the schema knows; a test of policy holds them against
// its own list.
func otherRules(t *testing.T) []string {
	t.Helper()
	var schema struct {
		Properties struct {
			Allow struct {
				Items struct {
					Properties struct {
						Rules struct{ Items struct{ Enum []string } }
					}
				}
			}
		}
	}
	if err := json.Unmarshal(docs.Schema("allow"), &schema); err != nil {
		t.Fatal(err)
	}
	return schema.Properties.Allow.Items.Properties.Rules.Items.Enum
}

// plain is what an editor sees: dates as text.
func plain(t *testing.T, doc map[string]any) any {
	t.Helper()
	var walk func(v any) any
	walk = func(v any) any {
		switch v := v.(type) {
		case time.Time:
			return v.Format(time.DateOnly)
		case map[string]any:
			out := map[string]any{}
			for k, item := range v {
				out[k] = walk(item)
			}
			return out
		case []map[string]any:
			out := []any{}
			for _, item := range v {
				out = append(out, walk(item))
			}
			return out
		case []any:
			for i := range v {
				v[i] = walk(v[i])
			}
		}
		return v
	}
	data, err := json.Marshal(walk(doc))
	if err != nil {
		t.Fatal(err)
	}
	var out any
	if err := json.Unmarshal(data, &out); err != nil || out == nil {
		return map[string]any{}
	}
	return out
}
