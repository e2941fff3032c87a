// Package check reads what is in deploy with the parsers of those who will read it:
// Prometheus' for rules and expressions, Compose's for the compose file, BuildKit's for
// the container file. It is a module of its own, so that their dependencies stay out of
// the program's.
package check

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/go-units"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	dockerfile "github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

func read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestAlerts(t *testing.T) {
	groups, errs := rulefmt.Parse(read(t, "alerts.yaml"), false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	for _, err := range errs {
		t.Error(err)
	}
	for _, group := range groups.Groups {
		for _, rule := range group.Rules {
			for _, key := range []string{"summary", "description"} {
				if rule.Annotations[key] == "" {
					t.Errorf("%s has no %s", rule.Alert, key)
				}
			}
			if s := rule.Labels["severity"]; s != "critical" && s != "warning" && s != "info" {
				t.Errorf("%s has severity %q", rule.Alert, s)
			}
		}
	}
}

func TestDashboard(t *testing.T) {
	var board struct {
		Panels []struct {
			ID      int
			Title   string
			Type    string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(read(t, "dashboard.json"), &board); err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	expressions := 0
	for _, p := range board.Panels {
		if seen[p.ID] || p.ID == 0 {
			t.Errorf("panel %q has the id %d of another", p.Title, p.ID)
		}
		seen[p.ID] = true
		if p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("panel %q reaches beyond the right edge", p.Title)
		}
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %q shows nothing", p.Title)
		}
		for _, target := range p.Targets {
			expressions++
			expr := strings.NewReplacer("$__rate_interval", "5m", "$job", "lockkeeper").Replace(target.Expr)
			if strings.Contains(expr, "$") {
				t.Errorf("panel %q: a variable that nobody sets in %s", p.Title, expr)
			}
			if _, err := parser.NewParser(parser.Options{}).ParseExpr(expr); err != nil {
				t.Errorf("panel %q: %s: %v", p.Title, expr, err)
			}
		}
	}
	if expressions < 20 {
		t.Errorf("%d expressions were read, more were expected", expressions)
	}
}

func TestCompose(t *testing.T) {
	project, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir:  t.TempDir(),
		ConfigFiles: []types.ConfigFile{{Filename: "compose.yaml", Content: read(t, "compose.yaml")}},
		Environment: types.Mapping{"LOCKKEEPER_CONTACT": "ops@example.invalid", "LOCKKEEPER_APP_ID": "7"},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := project.Services["lockkeeper"]
	if !server.ReadOnly || len(server.CapDrop) != 1 || server.CapDrop[0] != "ALL" {
		t.Error("the server may do more than it needs")
	}
	// What lies in memory must fit there, beside the program.
	room := int64(256 << 20)
	for _, mount := range server.Tmpfs {
		size, err := units.RAMInBytes(regexp.MustCompile(`size=(\w+)`).FindStringSubmatch(mount)[1])
		if err != nil {
			t.Fatal(err)
		}
		room += size
	}
	if int64(server.MemLimit) < room {
		t.Errorf("the server is ended at %d bytes, and its file systems in memory alone may fill %d", server.MemLimit, room)
	}
	for name, s := range project.Services {
		for _, p := range s.Ports {
			if p.HostIP != "127.0.0.1" {
				t.Errorf("%s: port %s is open to everybody", name, p.Published)
			}
		}
	}
	secret := regexp.MustCompile(`(?i)(password|secret|key|url)$`)
	for name, s := range project.Services {
		for key, value := range s.Environment {
			if value != nil && *value != "" && secret.MatchString(key) {
				t.Errorf("%s: %s holds a secret, which everybody sees who may look at the container", name, key)
			}
		}
	}
	if !project.Networks["database"].Internal {
		t.Error("the database's network leads outside")
	}
}

// TestContainerfile reads it with the parser of those who build it, and looks at what
// the image may do.
func TestContainerfile(t *testing.T) {
	file, err := dockerfile.Parse(bytes.NewReader(read(t, "Containerfile")))
	if err != nil {
		t.Fatal(err)
	}
	if len(file.Warnings) != 0 {
		t.Errorf("warnings: %+v", file.Warnings)
	}
	stages, _, err := instructions.Parse(file.AST, nil)
	if err != nil {
		t.Fatal(err)
	}
	image := stages[len(stages)-1]
	if image.BaseName != "scratch" {
		t.Errorf("the image is made from %s, so that there is more in it than the program", image.BaseName)
	}
	user, entrypoint, copied := "", false, 0
	for _, command := range image.Commands {
		switch c := command.(type) {
		case *instructions.UserCommand:
			user = c.User
		case *instructions.EntrypointCommand:
			if entrypoint = true; c.PrependShell {
				t.Error("there is no shell for the entry point")
			}
		case *instructions.CmdCommand:
			if c.PrependShell {
				t.Error("there is no shell for the command")
			}
		case *instructions.HealthCheckCommand:
			if c.Health.Test[0] != "CMD" {
				t.Errorf("there is no shell for the health check: %q", c.Health.Test)
			}
		case *instructions.CopyCommand:
			if copied++; c.From == "" {
				t.Error("something goes into the image that was not made by the build")
			}
		case *instructions.RunCommand:
			t.Error("there is nothing in the image to run")
		}
	}
	// By number: Kubernetes cannot tell from a name that it is not root.
	if !regexp.MustCompile(`^[1-9]\d*:[1-9]\d*$`).MatchString(user) || !entrypoint || copied != 1 {
		t.Errorf("user %q, an entry point: %v, %d copies", user, entrypoint, copied)
	}
}
