package lockkeeper_test

import (
	"encoding/pem"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

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

// TestDocumentsLinkToWhatIsThere: files, and headings in them.
func TestDocumentsLinkToWhatIsThere(t *testing.T) {
	var files []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/rules/*.md", "deploy/*.md", "deploy/helm/*.md", ".github/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	link := regexp.MustCompile(`\]\(([^)#:]*)(?:#([^):]+))?\)`)
	anchors := 0
	for _, file := range files {
		for _, m := range link.FindAllStringSubmatch(read(t, file), -1) {
			target := file
			if m[1] != "" {
				target = filepath.Join(filepath.Dir(file), m[1])
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s, which is not there", file, target)
				continue
			}
			if m[2] == "" {
				continue
			}
			anchors++
			if !slices.Contains(headings(read(t, target)), m[2]) {
				t.Errorf("%s links to #%s in %s, which has no such heading", file, m[2], target)
			}
		}
	}
	if anchors == 0 {
		t.Error("no link to a heading was found")
	}
}

// headings are the anchors that GitHub gives the headings of a document.
func headings(markdown string) []string {
	var all []string
	markdown = regexp.MustCompile("(?ms)^ *```.*?^ *```").ReplaceAllString(markdown, "")
	for _, m := range regexp.MustCompile(`(?m)^#+ +(.*)$`).FindAllStringSubmatch(markdown, -1) {
		slug := strings.Map(func(r rune) rune {
			switch {
			case r == ' ' || r == '-':
				return '-'
			case unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_':
				return unicode.ToLower(r)
			}
			return -1
		}, m[1])
		for n, first := 1, slug; slices.Contains(all, slug); n++ {
			slug = fmt.Sprintf("%s-%d", first, n)
		}
		all = append(all, slug)
	}
	return all
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

// TestEveryKeyOfTheConfigurationIsDocumented where operators read.
func TestEveryKeyOfTheConfigurationIsDocumented(t *testing.T) {
	text := read(t, "docs/operating.md") + read(t, "docs/registries.md")
	keys := 0
	var walk func(reflect.Type)
	walk = func(of reflect.Type) {
		for of.Kind() == reflect.Slice || of.Kind() == reflect.Pointer {
			of = of.Elem()
		}
		if of.Kind() != reflect.Struct {
			return
		}
		for field := range of.Fields() {
			key, _, _ := strings.Cut(field.Tag.Get("toml"), ",")
			if key == "" || key == "-" {
				continue
			}
			if keys++; !regexp.MustCompile(`\b` + regexp.QuoteMeta(key) + `\b`).MatchString(text) {
				t.Errorf("neither docs/operating.md nor docs/registries.md mentions %s of %s", key, of)
			}
			walk(field.Type)
		}
	}
	walk(reflect.TypeFor[config.Config]())
	if keys < 40 {
		t.Errorf("only %d keys were found", keys)
	}
}
