package config

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestDeployNamesSettings: each variable that the files in deploy set is one that is
// read. A misspelt one would be a note in the log, and a default in silence.
func TestDeployNamesSettings(t *testing.T) {
	files, err := filepath.Glob("../deploy/helm/templates/*")
	if err != nil {
		t.Fatal(err)
	}
	known := Default().settings()
	// What compose files and scripts ask their own users for.
	known["LOCKKEEPER_CONTACT"], known["LOCKKEEPER_APP_ID"], known["LOCKKEEPER_IMAGE"], known["LOCKKEEPER_USER"] = setting{}, setting{}, setting{}, setting{}
	named := 0
	for _, file := range append(files, "../deploy/compose.yaml", "../deploy/lockkeeper.service", "../deploy/Containerfile") {
		if info, err := os.Stat(file); err != nil || info.IsDir() {
			continue
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range regexp.MustCompile(`LOCKKEEPER_[A-Z_]+`).FindAllString(string(data), -1) {
			named++
			if _, ok := known[name]; !ok {
				t.Errorf("%s sets %s, which nobody reads", file, name)
			}
		}
	}
	if named < 20 {
		t.Errorf("%d variables were found, more were expected", named)
	}
}
