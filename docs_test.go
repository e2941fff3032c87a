package lockkeeper_test

import (
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/config"
	"github.com/lockkeeper/lockkeeper/docs"
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
	pages, err := filepath.Glob("docs/rules/*.md")
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, pages...)
	link := regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)
	for _, file := range append(files, "README.md") {
		for _, m := range link.FindAllStringSubmatch(read(t, file), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(file), m[1])); err != nil {
				t.Errorf("%s links to %s, which is not there", file, m[1])
			}
		}
	}
}

// Every rule stands in the index and has a page that says what happened, why it
// matters, what to do and how to change it, with a policy that does so.
func TestEveryRuleIsDocumented(t *testing.T) {
	index := read(t, "docs/rules.md")
	names := docs.Names()
	for _, rule := range policy.Rules() {
		if !strings.Contains(index, "| [`"+string(rule)+"`](rules/"+string(rule)+".md) |") {
			t.Errorf("docs/rules.md lacks %s, or does not link to its page", rule)
		}
		page, ok := docs.Rule(string(rule))
		if !ok {
			t.Errorf("docs/rules/%s.md is not there", rule)
			continue
		}
		names = slices.DeleteFunc(names, func(name string) bool { return name == string(rule) })
		if !strings.HasPrefix(page.Text, "# "+string(rule)+"\n\n"+page.Summary) || !strings.HasSuffix(page.Summary, ".") || strings.Contains(page.Summary, "#") {
			t.Errorf("docs/rules/%s.md does not begin with its name and a sentence", rule)
		}
		for _, heading := range []string{"What happened", "Why it matters", "What to do", "Change it"} {
			if strings.Count(page.Text, "\n## "+heading+"\n") != 1 {
				t.Errorf("docs/rules/%s.md lacks the section %q", rule, heading)
			}
		}
		_, example, _ := strings.Cut(page.Text, "```toml\n")
		example, _, _ = strings.Cut(example, "```")
		p, err := policy.Parse("docs/rules/"+string(rule)+".md", []byte(example))
		if err != nil {
			t.Error(err)
		} else if level := p.Rules[rule]; level == "" || level == rule.DefaultLevel(true) && level == rule.DefaultLevel(false) {
			t.Errorf("docs/rules/%s.md shows a policy that changes nothing: %q", rule, level)
		}
	}
	if !slices.Equal(names, []string{"capabilities"}) {
		t.Errorf("docs/rules holds pages about what is no rule: %v", names)
	}
}

func TestTheDocumentedPolicyIsTheDefault(t *testing.T) {
	if !strings.Contains(read(t, "docs/policy.md"), "```toml\n"+policy.Template+"```\n") {
		t.Error("docs/policy.md does not show policy/template.toml as it is")
	}
}

// TestTheDocumentedRegistriesWork: the examples are a configuration, and a policy.
func TestTheDocumentedRegistriesWork(t *testing.T) {
	var all strings.Builder
	for _, m := range regexp.MustCompile("(?s)```toml\n(.*?)```").FindAllStringSubmatch(read(t, "docs/registries.md"), -1) {
		if strings.HasPrefix(m[1], "[registries.") {
			if _, err := policy.Parse("policy.toml", []byte(m[1])); err != nil {
				t.Error(err)
			}
			continue
		}
		all.WriteString(m[1])
	}
	secret := "not in any file"
	c, err := config.Load("c.toml", []string{"CORP_TOKEN=" + secret}, func(path string) ([]byte, error) {
		switch path {
		case "c.toml":
			return []byte(all.String()), nil
		case "/etc/ssl/corp.pem":
			return certificate(t), nil
		}
		return []byte(secret), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.ValidateRegistries(); err != nil || len(c.Registries) != 4 {
		t.Errorf("%d registries, %v", len(c.Registries), err)
	}
}

// certificate is one in PEM form.
func certificate(t *testing.T) []byte {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
}

// Every input of the action reaches its script, and stands in its document.
func TestTheActionsInputsAreDocumented(t *testing.T) {
	action, script, doc := read(t, "action.yml"), read(t, "action/run"), read(t, "docs/action.md")
	inputs, _, _ := strings.Cut(action, "\noutputs:")
	names := regexp.MustCompile(`(?m)^  ([a-z-]+):$`).FindAllStringSubmatch(inputs[strings.Index(inputs, "\ninputs:"):], -1)
	if len(names) < 5 {
		t.Fatalf("action.yml has the inputs %q", names)
	}
	for _, m := range names {
		variable := regexp.MustCompile(`([A-Z_]+): \$\{\{ inputs\.` + m[1] + ` \}\}`).FindStringSubmatch(action)
		if variable == nil || variable[1] != "GITHUB_TOKEN" && !strings.Contains(script, "${"+variable[1]+":-") {
			t.Errorf("the input %s reaches nobody", m[1])
		}
		if !strings.Contains(doc, "| `"+m[1]+"` |") {
			t.Errorf("docs/action.md lacks the input %s", m[1])
		}
	}
}
