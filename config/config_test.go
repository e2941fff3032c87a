package config

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/config/strict"
)

// hidden is a secret that must not be seen anywhere.
const hidden = "hunter2-hunter2"

// reveal compares secrets by what they hold.
var reveal = cmp.Comparer(func(a, b Secret) bool { return a.Reveal() == b.Reveal() })

func files(pairs ...string) func(string) ([]byte, error) {
	all := fstest.MapFS{}
	for i := 0; i < len(pairs); i += 2 {
		all[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	return func(path string) ([]byte, error) { return fs.ReadFile(all, path) }
}

func load(t *testing.T, text string, env ...string) *Config {
	t.Helper()
	c, err := Load("c.toml", env, files("c.toml", text, "hook", " "+hidden+"\n", "key", "KEY\n"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestLoadFile(t *testing.T) {
	got := load(t, `
[server]
listen = "127.0.0.1:1"
contact = "ops@example.invalid"
public-url = "https://lockkeeper.example.invalid"
[github]
client-id = "Iv1.a"
client-secret-file = "hook"
api-url = "https://github.example.invalid/api/v3"
web-url = "https://github.example.invalid"
ca-file = "ca.pem"
repositories = "none"
app-id = 7
private-key = "KEY"
webhook-secret-file = "hook"
[store]
path = "a.db"
closed-days = 30
[cratesio]
index = "https://1.example.invalid"
static = "https://2.example.invalid"
api = "https://3.example.invalid"
[pypi]
pypi = "https://4.example.invalid"
files = "https://5.example.invalid"
trust-root = "root.json"
[curation]
onboarding = "none"
onboarding-mode = "all"
record = "none"
[advisories]
dir = "d"
source = "https://6.example.invalid"
[cache]
dir = "c"
megabytes = 256
[log]
level = "debug"
format = "console"
[metrics]
listen = "127.0.0.1:2"
profiles = true
[tracing]
endpoint = "http://127.0.0.1:3"
percent = 5
`)
	want := &Config{
		Server: Server{"127.0.0.1:1", "ops@example.invalid", "https://lockkeeper.example.invalid"},
		GitHub: GitHub{
			Repositories: "none", CAFile: "ca.pem", APIURL: "https://github.example.invalid/api/v3", WebURL: "https://github.example.invalid", AppID: 7,
			PrivateKey: NewSecret("KEY"), WebhookSecret: NewSecret(hidden), WebhookSecretFile: "hook",
			ClientID: "Iv1.a", ClientSecret: NewSecret(hidden), ClientSecretFile: "hook",
		},
		Store:      Store{Path: "a.db", ClosedDays: 30},
		CratesIO:   CratesIO{"https://1.example.invalid", "https://2.example.invalid", "https://3.example.invalid"},
		PyPI:       PyPI{"https://4.example.invalid", "https://5.example.invalid", "root.json"},
		Curation:   Curation{"none", "all", "none"},
		Advisories: Advisories{"d", "https://6.example.invalid"},
		Cache:      Cache{"c", 256},
		Log:        Log{"debug", "console"},
		Metrics:    Metrics{"127.0.0.1:2", true},
		Tracing:    Tracing{"http://127.0.0.1:3", 5},
	}
	if diff := cmp.Diff(want, got, reveal); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Every setting of every section has a variable that reaches it.
func TestEverySettingHasItsVariable(t *testing.T) {
	for name, s := range Default().settings() {
		value := "text"
		if s.value.Kind() == reflect.Int64 {
			value = "41"
		}
		if s.value.Kind() == reflect.Bool {
			value = "true"
		}
		// A file is read, so it must be there.
		c, err := Load("", []string{name + "=" + value}, files("text", "content"))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := c.settings()[name].value.Interface()
		if secret, ok := got.(Secret); ok {
			got = secret.Reveal()
		}
		if fmt.Sprint(got) != value {
			t.Errorf("%s=%s gives %v", name, value, got)
		}
	}
}

func TestPrecedence(t *testing.T) {
	const file = "[store]\npath = 'lockkeeper.db'\n[log]\nlevel = 'warn'\n[github]\nwebhook-secret-file = 'missing'\nprivate-key = 'old'\n"
	got := load(t, file,
		"LOCKKEEPER_LOG_LEVEL=error", "LOCKKEEPER_LOG_FORMAT=console", "LOCKKEEPER_CACHE_DIR=",
		"LOCKKEEPER_STORE_PATH=other.db",
		"LOCKKEEPER_GITHUB_WEBHOOK_SECRET="+hidden, "LOCKKEEPER_GITHUB_PRIVATE_KEY_FILE=key",
		"LOCKKEEPER_CONFIG=c.toml", "LOCKKEEPER_SERVICE_HOST=10.0.0.1", "LOCKKEEPER_PORT=tcp://x", "LOCKKEEPER_PORT_80_TCP_ADDR=x",
		"LOCKKEEPER_GITHUB_WEBHOOK_SECRT=x", "LOCKKEEPER_TEA=x", "HOME=/x", "LOCKKEEPER", "=")
	want := Default()
	want.Log = Log{"error", "console"}
	want.Store.Path = "other.db"
	want.GitHub = GitHub{Repositories: "public", WebhookSecret: NewSecret(hidden), PrivateKey: NewSecret("KEY"), PrivateKeyFile: "key"}
	want.Notes = []string{
		"LOCKKEEPER_GITHUB_PRIVATE_KEY_FILE replaces private-key in [github] of the configuration file",
		"LOCKKEEPER_GITHUB_WEBHOOK_SECRET replaces webhook-secret-file in [github] of the configuration file",
		"LOCKKEEPER_GITHUB_WEBHOOK_SECRT is not a setting, did you mean LOCKKEEPER_GITHUB_WEBHOOK_SECRET?",
		"LOCKKEEPER_LOG_LEVEL replaces level in [log] of the configuration file",
		"LOCKKEEPER_STORE_PATH replaces path in [store] of the configuration file",
		"LOCKKEEPER_TEA is not a setting",
	}
	if diff := cmp.Diff(want, got, reveal); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(Default(), load(t, ""), reveal); diff != "" {
		t.Errorf("an empty file (-want +got):\n%s", diff)
	}
}

func TestStoreLocation(t *testing.T) {
	for name, test := range map[string]struct {
		file string
		env  []string
		want string
	}{
		"nothing":         {"", nil, "lockkeeper.db"},
		"path":            {"[store]\npath = 'x'", nil, "x"},
		"url":             {"[store]\nurl = 'postgres://h/x'", nil, "postgres://h/x"},
		"file of the url": {"[store]\nurl-file = 'url'", nil, "postgres://f/x"},
		"env over path":   {"[store]\npath = 'x'", []string{"LOCKKEEPER_STORE_URL=postgres://e/x"}, "postgres://e/x"},
		"env over url":    {"[store]\nurl = 'postgres://h/x'", []string{"LOCKKEEPER_STORE_URL_FILE=url", "LOCKKEEPER_STORE_PATH="}, "postgres://f/x"},
	} {
		c, err := Load("c.toml", test.env, files("c.toml", test.file, "url", "postgres://f/x\n"))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := c.Store.Location(); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
		if replaced := len(test.env) > 0; replaced != (len(c.Notes) > 0) {
			t.Errorf("%s: notes %q", name, c.Notes)
		}
	}
}

func TestLoadFails(t *testing.T) {
	for _, test := range []struct {
		file string
		env  string
		want string
	}{
		{"[github]\nwebhook-secrt = '" + hidden + "'", "", `c.toml:2:1: unknown key "webhook-secrt" in github, did you mean "webhook-secret"?`},
		{"[github]\napp-id = '" + hidden + "'", "", "c.toml:2:1: github.app-id must be a whole number, not a string"},
		{"[github]\nwebhook-secret = 5", "", "c.toml:2:1: github.webhook-secret must be a string, not a whole number"},
		{"[github]\nwebhook-secret = 'a'\nwebhook-secret-file = 'hook'", "", "c.toml sets both webhook-secret and webhook-secret-file in [github]; remove one of them"},
		{"[github]\nprivate-key = 'a'\nprivate-key-file = 'hook'", "LOCKKEEPER_GITHUB_PRIVATE_KEY=b", "c.toml sets both private-key and private-key-file in [github]; remove one of them"},
		{"[store]\npath = 'x'\nurl = 'postgres://h/x'", "", "c.toml sets both path and url in [store]; remove path to use PostgreSQL, or url to use SQLite"},
		{"[store]\nurl = 'postgres://h/x'\nurl-file = 'hook'", "", "c.toml sets both url and url-file in [store]; remove one of them"},
		{"[store]\nurl = 'postgres://h/x'", "LOCKKEEPER_STORE_PATH=x", "LOCKKEEPER_STORE_PATH is set, and url in [store] too; unset the variable to use PostgreSQL, or remove url to use SQLite"},
		{"[store]\nurl-file = 'empty'", "", "read url-file of [store]: empty is empty; write the secret into it"},
		{"", "LOCKKEEPER_GITHUB_APP_ID=" + hidden, "read LOCKKEEPER_GITHUB_APP_ID: app-id in [github] must be a whole number"},
		{"", "LOCKKEEPER_GITHUB_PRIVATE_KEY_FILE=gone", "read private-key-file of [github]: open gone: file does not exist"},
		{"[github]\nwebhook-secret-file = 'empty'", "", "read webhook-secret-file of [github]: empty is empty; write the secret into it"},
		{"[github]\nwebhook-secret-file = 'large'", "", "read webhook-secret-file of [github]: large has 65537 bytes, too many for a secret; check the path"},
	} {
		_, err := Load("c.toml", []string{test.env}, files("c.toml", test.file, "hook", "x", "empty", " \n", "large", strings.Repeat("x", maxSecret+1)))
		if err == nil {
			t.Errorf("%q %q: no error", test.file, test.env)
		} else if diff := cmp.Diff(test.want, err.Error()); diff != "" {
			t.Errorf("%q %q (-want +got):\n%s", test.file, test.env, diff)
		}
	}
	both := []string{"LOCKKEEPER_GITHUB_WEBHOOK_SECRET=a", "LOCKKEEPER_GITHUB_WEBHOOK_SECRET_FILE=hook"}
	if _, err := Load("", both, files("hook", "x")); err == nil || !strings.Contains(err.Error(), "the environment sets both") {
		t.Errorf("both in the environment: %v", err)
	}
	if _, err := Load("gone.toml", nil, files()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is missing: %v", err)
	}
	_, err := Load("c.toml", nil, files("c.toml", "x = 1"))
	var place *strict.Error
	if !errors.As(err, &place) || place.Line != 1 {
		t.Errorf("error %v has no place", err)
	}
}

func valid(t *testing.T) *Config {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	c := Default()
	c.Server.Contact = "ops@example.invalid"
	c.GitHub.AppID, c.GitHub.WebhookSecret = 7, NewSecret(hidden)
	c.GitHub.PrivateKey = NewSecret(string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})))
	return c
}

func TestValidate(t *testing.T) {
	if err := valid(t).Validate(); err != nil {
		t.Fatalf("a good configuration: %v", err)
	}
	_, other, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(other)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		change func(*Config)
		want   string // of the error; empty if it is still good
	}{
		"no private key":       {func(c *Config) { c.GitHub.PrivateKey = Secret{} }, "set private-key-file"},
		"key without PEM":      {func(c *Config) { c.GitHub.PrivateKey = NewSecret(hidden) }, "is no PEM text"},
		"PEM without key":      {func(c *Config) { c.GitHub.PrivateKey = pemOf("CERTIFICATE", hidden) }, "no private key"},
		"a key not RSA":        {func(c *Config) { c.GitHub.PrivateKey = pemOf("PRIVATE KEY", string(der)) }, "not RSA"},
		"no app":               {func(c *Config) { c.GitHub.AppID = 0 }, "LOCKKEEPER_GITHUB_APP_ID"},
		"web without api":      {func(c *Config) { c.GitHub.WebURL = "https://github.example.invalid" }, "set api-url too"},
		"api without web":      {func(c *Config) { c.GitHub.APIURL = "https://github.example.invalid/api/v3" }, ""},
		"relative address":     {func(c *Config) { c.CratesIO.Index = "lockkeeper.example.invalid" }, "index in [cratesio] is no address"},
		"script address":       {func(c *Config) { c.CratesIO.Index = "javascript://x/" }, "is no address"},
		"plain address":        {func(c *Config) { c.CratesIO.Index = "http://lockkeeper.example.invalid" }, "not encrypted"},
		"plain loopback":       {func(c *Config) { c.CratesIO.Index = "http://127.0.0.1:8080" }, ""},
		"plain localhost":      {func(c *Config) { c.CratesIO.Index = "http://localhost:8080" }, ""},
		"password":             {func(c *Config) { c.PyPI.PyPI = "https://me:" + hidden + "@pypi.example.invalid" }, "pypi in [pypi] must have no user"},
		"query":                {func(c *Config) { c.CratesIO.API = "https://x.example.invalid/?a" }, "no user, query or fragment"},
		"slash":                {func(c *Config) { c.CratesIO.Index = "https://x.example.invalid/" }, "index in [cratesio] ends with a slash"},
		"no port":              {func(c *Config) { c.Server.Listen = "localhost" }, "listen in [server]"},
		"no contact":           {func(c *Config) { c.Server.Contact = "" }, "contact in [server] is missing"},
		"header in contact":    {func(c *Config) { c.Server.Contact = "a\r\nX: y" }, "printable"},
		"no database":          {func(c *Config) { c.Store.Path = "" }, "path in [store] is empty"},
		"PostgreSQL":           {func(c *Config) { c.Store.URL = NewSecret("postgres://u:" + hidden + "@h/x") }, ""},
		"PostgreSQL, no path":  {func(c *Config) { c.Store = Store{URL: NewSecret("postgresql://h/x")} }, ""},
		"a socket":             {func(c *Config) { c.Store.URL = NewSecret("postgres:///x?host=/run/postgresql") }, ""},
		"another database":     {func(c *Config) { c.Store.URL = NewSecret("mysql://u:" + hidden + "@h/x") }, "url in [store] is no address"},
		"odd password":         {func(c *Config) { c.Store.URL = NewSecret("postgres://u:" + hidden + "%zz@h/x") }, "percent-encoded"},
		"no host":              {func(c *Config) { c.Store.URL = NewSecret("postgres:" + hidden) }, "url in [store] is no address"},
		"negative days":        {func(c *Config) { c.Store.ClosedDays = -1 }, "closed-days in [store] is -1; write a number of days, or 0"},
		"too many days":        {func(c *Config) { c.Store.ClosedDays = 1e6 }, "closed-days in [store]"},
		"no cache to speak of": {func(c *Config) { c.Cache.Megabytes = 1 }, "megabytes in [cache] is 1; write a number from 16"},
		"for ever":             {func(c *Config) { c.Store.ClosedDays = 0 }, ""},
		"curation":             {func(c *Config) { c.Curation.Record = "branch" }, "record in [curation] is \"branch\"; write one of by-policy, none"},
		"no cache":             {func(c *Config) { c.Cache.Dir = "" }, "dir in [cache] is empty"},
		"log level":            {func(c *Config) { c.Log.Level = "loud" }, "write one of trace, debug"},
		"log format":           {func(c *Config) { c.Log.Format = "xml" }, "write one of json, console"},
		"another log format":   {func(c *Config) { c.Log.Format = "console" }, ""},
		"pages":                {pagesOf("https://lockkeeper.example.invalid"), ""},
		"pages on loopback":    {pagesOf("http://127.0.0.1:8080"), ""},
		"plain pages":          {pagesOf("http://lockkeeper.example.invalid"), "public-url in [server] is not encrypted"},
		"pages on a path":      {pagesOf("https://example.invalid/lockkeeper"), "a host of their own"},
		"address alone":        {func(c *Config) { c.Server.PublicURL = "https://x.example.invalid" }, "set client-id in [github] and client-secret or"},
		"no public address":    {func(c *Config) { pagesOf("")(c) }, "set public-url in [server] too"},
		"no client secret":     {func(c *Config) { c.GitHub.ClientID = "Iv1.a" }, "client-secret-file in [github]"},
		"metrics":              {func(c *Config) { c.Metrics = Metrics{"127.0.0.1:9090", true} }, ""},
		"metrics no port":      {func(c *Config) { c.Metrics.Listen = "localhost" }, "listen in [metrics]"},
		"profiles alone":       {func(c *Config) { c.Metrics.Profiles = true }, "set listen in [metrics] too"},
		"traces":               {func(c *Config) { c.Tracing.Endpoint = "http://collector:4318" }, ""},
		"traces with key":      {func(c *Config) { c.Tracing.Endpoint = "https://" + hidden + "@collector:4318" }, "endpoint in [tracing]"},
		"no traces at all":     {func(c *Config) { c.Tracing.Percent = 0 }, "percent in [tracing]"},
	} {
		c := valid(t)
		test.change(c)
		err := c.Validate()
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s: error %v, want it to say %q", name, err, test.want)
		case err != nil && strings.Contains(err.Error(), hidden):
			t.Errorf("%s: the error shows a secret: %v", name, err)
		}
	}
	// Everything at once, not one error for each start.
	err = Default().Validate()
	for _, want := range []string{"contact", "app-id", "private-key", "webhook-secret"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("an empty configuration: error %v does not name %s", err, want)
		}
	}
}

func pagesOf(address string) func(*Config) {
	return func(c *Config) {
		c.Server.PublicURL, c.GitHub.ClientID, c.GitHub.ClientSecret = address, "Iv1.a", NewSecret(hidden)
	}
}

func pemOf(kind, content string) Secret {
	return NewSecret(string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: []byte(content)})))
}

func TestPromise8NoStartWithoutWebhookSecret(t *testing.T) {
	for _, secret := range []string{"", " ", "\n\t"} {
		c := valid(t)
		c.GitHub.WebhookSecret = NewSecret(secret)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "LOCKKEEPER_GITHUB_WEBHOOK_SECRET") {
			t.Errorf("secret %q: error %v, want the next step", secret, err)
		}
	}
}

func TestPromise10SecretsAreNotPrinted(t *testing.T) {
	secret := NewSecret(hidden)
	type inside struct{ s Secret } // unexported: fmt does not ask its methods
	type exported struct{ S Secret }
	c := valid(t)
	c.GitHub.WebhookSecret = secret
	values := map[string]any{
		"itself": secret, "pointer": &secret, "inside": inside{secret}, "exported": exported{secret},
		"slice": []Secret{secret}, "map": map[Secret]Secret{secret: secret}, "config": c, "section": c.GitHub, "store": Store{URL: secret},
	}
	for name, value := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%p", "%10.3s", "%!"} {
			check(t, name+" "+verb, fmt.Sprintf(verb, value))
		}
		check(t, name+" in an error", fmt.Errorf("oh: %v", value).Error())
		if name != "map" {
			data, err := json.Marshal(value)
			check(t, name+" as JSON", string(data)+fmt.Sprint(err))
		}
		var out strings.Builder
		log := zerolog.New(&out)
		log.Info().Interface("v", value).Any("w", value).Msg("")
		slog.New(slog.NewTextHandler(&out, nil)).Info("", "v", value)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("", "v", value)
		check(t, name+" in a log", out.String())
	}
	var out strings.Builder
	if err := toml.NewEncoder(&out).Encode(c); err != nil {
		t.Fatal(err)
	}
	check(t, "config as TOML", out.String())
	if secret.Reveal() != hidden || secret.String() != redacted || (Secret{}).String() != "" || !NewSecret("").Empty() {
		t.Error("a secret does not hold what it was given")
	}
}

// A broken file is told of without its content.
func TestPromise10BrokenFileShowsNoSecret(t *testing.T) {
	for _, line := range []string{
		"webhook-secret = " + hidden, "webhook-secret = '" + hidden, "webhook-secret = '" + hidden + "' x", "webhook-secret '" + hidden + "'",
		"webhook-secret = \"\"\"" + hidden, "webhook-secret = ['" + hidden + "']", "webhook-secret = { a = '" + hidden + "' }",
		"webhook-secret = \"\\q" + hidden + "\"", "webhook-secret = '" + hidden + "\x01'", "app-id = '" + hidden + "'",
		"webhook-secret = '" + hidden + "'\nwebhook-secret = '" + hidden + "'", "webhook-secret = '\xff" + hidden + "'",
		"webhook-secret = '" + hidden + "'\nwebhook-secret-file = 'x'",
	} {
		_, err := Load("c.toml", nil, files("c.toml", "[github]\n"+line))
		if err == nil {
			t.Errorf("%q: no error", line)
			continue
		}
		check(t, line, fmt.Sprintf("%v %+v %s", err, err, err))
	}
}

// check looks for any telling part of the secret, in hexadecimal too.
func check(t *testing.T, what, text string) {
	t.Helper()
	for _, part := range []string{"hunter", fmt.Sprintf("%x", "hunter"), fmt.Sprintf("%X", "hunter"), "104 117 110 116"} {
		if strings.Contains(text, part) {
			t.Errorf("%q shows the secret: %s", what, text)
		}
	}
}

// Every field tells what it means, its default or that it is required, and an
// example.
func TestEveryFieldIsExplained(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "config.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	explained := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok || spec.Name.Name == "Config" {
			return true
		}
		for _, field := range spec.Type.(*ast.StructType).Fields.List {
			name, doc := field.Names[0].Name, field.Doc.Text()
			if !strings.HasPrefix(doc, name+" ") {
				t.Errorf("%s.%s is not explained", spec.Name.Name, name)
			}
			if !strings.Contains(doc, "Default: ") && !strings.Contains(doc, "equired") {
				t.Errorf("%s.%s tells no default", spec.Name.Name, name)
			}
			if !strings.Contains(doc, "Example: ") && spec.Name.Name != "Log" {
				t.Errorf("%s.%s has no example", spec.Name.Name, name)
			}
			explained++
		}
		return true
	})
	if want := len(Default().settings()); explained != want {
		t.Errorf("%d fields explained, want %d", explained, want)
	}
}

func TestLoadWithoutFile(t *testing.T) {
	got, err := Load("", nil, files())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Default(), got, reveal, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
