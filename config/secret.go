package config

import (
	"bytes"
	"fmt"
	"io"
)

// redacted stands for every secret wherever one is printed.
const redacted = "[secret]"

// Secret is a text that is never printed: not by fmt with any verb, not as JSON,
// TOML or text, not as part of another value. Only Reveal gives it.
type Secret struct {
	// A pointer, since fmt prints the fields of an unexported field without asking
	// its methods; of a pointer inside a value it prints the address.
	value *string
}

// NewSecret wraps value. An empty one gives the empty Secret.
func NewSecret(value string) Secret {
	if value == "" {
		return Secret{}
	}
	return Secret{&value}
}

// Reveal is the text itself. Pass it on to what needs it, and nowhere else.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// Empty reports whether there is no text.
func (s Secret) Empty() bool { return s.value == nil }

// String is "[secret]", or empty for the empty Secret.
func (s Secret) String() string {
	if s.Empty() {
		return ""
	}
	return redacted
}

// Format prints String, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// MarshalText gives String; JSON, TOML and XML go through it.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText takes any text.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = NewSecret(string(text))
	return nil
}

// trimSecret removes what editors and shells leave around a secret in a file.
func trimSecret(data []byte) string { return string(bytes.TrimSpace(data)) }
