package lockkeeper_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/policy"
)

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestDocumentsLinkToWhatIsThere(t *testing.T) {
	files, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	link := regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)
	for _, file := range append(files, "README.md") {
		for _, m := range link.FindAllStringSubmatch(read(t, file), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(file), m[1])); err != nil {
				t.Errorf("%s links to %s, which is not there", file, m[1])
			}
		}
	}
}

func TestEveryRuleIsDocumented(t *testing.T) {
	text := read(t, "docs/rules.md")
	for _, rule := range policy.Rules() {
		if !strings.Contains(text, "| `"+string(rule)+"` |") {
			t.Errorf("docs/rules.md lacks %s", rule)
		}
	}
}

func TestTheDocumentedPolicyIsTheDefault(t *testing.T) {
	if !strings.Contains(read(t, "docs/policy.md"), "```toml\n"+policy.Template+"```\n") {
		t.Error("docs/policy.md does not show policy/template.toml as it is")
	}
}
