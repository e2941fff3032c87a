package config

import (
	"errors"
	"testing"

	"github.com/lockkeeper/lockkeeper/config/strict"
)

// The line of a mistake may hold a secret under a misspelt key, so that it is not kept.
func TestPromise10MistakesAreNotQuoted(t *testing.T) {
	for _, text := range []string{"[github]\nwebhook-secert = \"hunter2\"\n", "[github]\nwebhook-secret = \"hunter2\n", "[github]\nwebhook-secret = [\"hunter2\"]\n"} {
		_, err := Load("c.toml", nil, func(string) ([]byte, error) { return []byte(text), nil })
		var at *strict.Error
		if !errors.As(err, &at) || at.Line == 0 {
			t.Fatalf("%q: %v", text, err)
		}
		if at.Caret() != "" {
			t.Errorf("%q is quoted: %s", text, at.Caret())
		}
	}
}
