package config

import "fmt"

// maxSecret bounds a file with a secret, in bytes.
const maxSecret = 64 << 10

// secret is one that may stand in a file of its own.
type secret struct {
	section, key string
	value        *Secret
	file         string
}

func (c *Config) secrets() []secret {
	return []secret{
		{"github", "private-key", &c.GitHub.PrivateKey, c.GitHub.PrivateKeyFile},
		{"github", "webhook-secret", &c.GitHub.WebhookSecret, c.GitHub.WebhookSecretFile},
		{"github", "client-secret", &c.GitHub.ClientSecret, c.GitHub.ClientSecretFile},
		{"store", "url", &c.Store.URL, c.Store.URLFile},
	}
}

// checkPairs refuses a secret that is given both itself and by its file.
func (c *Config) checkPairs(source string) error {
	for _, s := range c.secrets() {
		if !s.value.Empty() && s.file != "" {
			return fmt.Errorf("%s sets both %s and %s-file in [%s]; remove one of them", source, s.key, s.key, s.section)
		}
	}
	return nil
}

func (s secret) read(readFile func(string) ([]byte, error)) error {
	if s.file == "" {
		return nil
	}
	data, err := readFile(s.file)
	if err != nil {
		return fmt.Errorf("read %s-file of [%s]: %w", s.key, s.section, err)
	}
	if len(data) > maxSecret {
		return fmt.Errorf("read %s-file of [%s]: %s has %d bytes, too many for a secret; check the path", s.key, s.section, s.file, len(data))
	}
	*s.value = NewSecret(trimSecret(data))
	if s.value.Empty() {
		return fmt.Errorf("read %s-file of [%s]: %s is empty; write the secret into it", s.key, s.section, s.file)
	}
	return nil
}
