package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/BurntSushi/toml"
)

// FileName is the configuration that a server reads if it is told of no other: one in
// the directory that it is started in.
const FileName = "lockkeeper.toml"

// KeyPath is where the private key of a new configuration at path is put.
func KeyPath(path string) string {
	return strings.TrimSuffix(path, filepath.Ext(path)) + ".private-key.pem"
}

// Creatable reports what stands in the way of Create, before there are secrets that
// would be lost.
func Creatable(path string) error {
	for _, p := range []string{path, KeyPath(path)} {
		if _, err := os.Lstat(p); err == nil {
			return existsError(p)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("write the configuration: %w", err)
		}
	}
	probe, err := os.CreateTemp(filepath.Dir(path), ".lockkeeper-*")
	if err != nil {
		var at *fs.PathError
		if errors.As(err, &at) { // which names a file that nobody knows
			err = at.Err
		}
		return fmt.Errorf("write the configuration into %s: %w; name another place with --config, or make the directory writable", filepath.Dir(path), err)
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

func existsError(path string) error {
	return fmt.Errorf("write the configuration: %s is there already and is not replaced; move it away, or name another place with --config: %w", path, fs.ErrExist)
}

// Create writes a new configuration file and the private key beside it, readable by
// their owner alone: each whole or not at all, and only where nothing is. What c has as
// Default has it is left out, and so is what the variables env set. page is the App's,
// for a remark. Of an error nothing is left.
func Create(path string, c *Config, page string, env []string) (written []string, err error) {
	path, err = filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("write the configuration: %w", err)
	}
	if err := Creatable(path); err != nil {
		return nil, err
	}
	key := KeyPath(path)
	text, err := c.text(key, page)
	if err != nil {
		return nil, err
	}
	contents := map[string][]byte{path: text, key: []byte(strings.TrimRight(c.GitHub.PrivateKey.Reveal(), "\n") + "\n")}
	// What was written is read as a server will read it.
	read, err := Load(path, env, func(p string) ([]byte, error) {
		if data, ok := contents[p]; ok {
			return data, nil
		}
		return os.ReadFile(p)
	})
	if err != nil {
		return nil, fmt.Errorf("write the configuration: %w", err)
	}
	if err := read.Validate(); err != nil {
		return nil, fmt.Errorf("write the configuration: %w", err)
	}
	for _, p := range []string{key, path} { // the configuration last: with it there is an App
		if err := place(p, contents[p]); err != nil {
			for _, done := range written {
				err = errors.Join(err, os.Remove(done))
			}
			return nil, err
		}
		written = append(written, p)
	}
	return []string{path, key}, nil
}

// place makes a file that was not there.
func place(path string, data []byte) (err error) {
	defer func() {
		if err != nil && !errors.Is(err, fs.ErrExist) {
			err = fmt.Errorf("write the configuration: %w", err)
		}
	}()
	temp, err := os.CreateTemp(filepath.Dir(path), ".lockkeeper-*") // for its owner alone
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name()) // fails once it is renamed
	_, err = temp.Write(data)
	if err := errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return err
	}
	switch err := os.Link(temp.Name(), path); {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrExist):
		return existsError(path)
	}
	// A file system without links: the name is taken first.
	claim, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return existsError(path)
	}
	if err != nil {
		return err
	}
	return errors.Join(claim.Close(), os.Rename(temp.Name(), path))
}

// text is the configuration as somebody would write it.
func (c *Config) text(key, page string) ([]byte, error) {
	var b bytes.Buffer
	var failed error
	line := func(name string, value any) {
		encoded, err := toml.Marshal(map[string]any{name: value})
		if err != nil || bytes.Count(encoded, []byte("\n")) != 1 {
			failed = errors.Join(failed, fmt.Errorf("write %s into the configuration: it has no form of one line", name))
			return
		}
		b.Write(encoded)
	}
	optional := func(name, value, preset string) {
		if value != preset {
			line(name, value)
		}
	}
	d := Default()
	b.WriteString("# Every key is explained in docs/operating.md. There are secrets in this file.\n\n[server]\n")
	line("listen", c.Server.Listen)
	line("contact", c.Server.Contact)
	optional("public-url", c.Server.PublicURL, "")
	b.WriteString("\n[github]\n# " + strings.Map(oneLine, page) + "\n")
	line("app-id", c.GitHub.AppID)
	line("private-key-file", key)
	line("webhook-secret", c.GitHub.WebhookSecret.Reveal())
	line("client-id", c.GitHub.ClientID)
	line("client-secret", c.GitHub.ClientSecret.Reveal())
	optional("api-url", c.GitHub.APIURL, "")
	optional("web-url", c.GitHub.WebURL, "")
	optional("ca-file", c.GitHub.CAFile, "")
	if c.Curation != d.Curation {
		b.WriteString("\n[curation]   # the App may not write into repositories\n")
		optional("onboarding", c.Curation.Onboarding, d.Curation.Onboarding)
		optional("onboarding-mode", c.Curation.OnboardingMode, d.Curation.OnboardingMode)
		optional("record", c.Curation.Record, d.Curation.Record)
	}
	if c.Store.Path != d.Store.Path {
		b.WriteString("\n[store]\n")
		line("path", c.Store.Path)
	}
	if c.Cache.Dir != d.Cache.Dir {
		b.WriteString("\n[cache]\n")
		line("dir", c.Cache.Dir)
	}
	return b.Bytes(), failed
}

func oneLine(r rune) rune {
	if r < ' ' || r == 0x7f {
		return -1
	}
	return r
}

// Unmade reports whether nothing says which App this is: not one of the keys that all
// Apps have is set.
func (g GitHub) Unmade() bool {
	return g.AppID == 0 && g.ClientID == "" && g.PrivateKey.Empty() && g.PrivateKeyFile == "" && g.WebhookSecret.Empty() && g.WebhookSecretFile == "" &&
		g.ClientSecret.Empty() && g.ClientSecretFile == ""
}
