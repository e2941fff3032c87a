package provenance_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/registry"
	"github.com/lockkeeper/lockkeeper/registry/provenance"
	"github.com/lockkeeper/lockkeeper/registry/provenance/provenancetest"
)

// real are attestations of PyPI; where they come from stands in testdata.
var real = []struct{ name, filename, sha256, publisher string }{
	{"github", "pypi_attestations-0.0.19.tar.gz", "9bb1add04b1b4e182be6b0b80931593f7a291eb49d69b4fd728a5d4cbcdc4bd3", "github:trailofbits/pypi-attestations/release.yml"},
	{"gitlab", "gitlab_oidc_project-0.0.3.tar.gz", "c1ca9b0d85df1606451098233018534497bf584362e10e4a8c21dfaea92c02a8", "gitlab:facutuesca/gitlab-oidc-project/.gitlab-ci.yml"},
	{"google", "gcb_attestation_test-0.0.0.tar.gz", "461317362419124b6012e855423a9078d6de8aed3e74fa78cc74d669b23dc6cf", "google:919436158236-compute@developer.gserviceaccount.com"},
	{"circleci", "circleci_sign_publish_example-0.0.1.dev137-py3-none-any.whl", "8cb34da1e27336f11a2c43f3f9c7433bd76f24f470c904724f06ad7f131d9e9f", "circleci:fdd9283f-e619-46af-8f9c-851f7d3e8b2b/8e4f8ab2-8d7c-4827-9f15-de076d6d647f"},
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func newVerifier(t testing.TB, trustRoot []byte) *provenance.Verifier {
	t.Helper()
	v, err := provenance.New(trustRoot)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func digest(t testing.TB, hex string) lockkeeper.Digest {
	t.Helper()
	d, err := lockkeeper.ParseDigest(hex)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestRealAttestationsHold(t *testing.T) {
	v := newVerifier(t, nil)
	for _, test := range real {
		publishers, err := v.Verify(read(t, test.name), test.filename, digest(t, test.sha256))
		if err != nil || len(publishers) != 1 || publishers[0].Publisher.String() != test.publisher {
			t.Errorf("%s: %v, %v; want %s", test.name, publishers, err, test.publisher)
		}
	}
}

// TestTamperedAttestationsFail changes one thing of the real GitHub attestation at
// a time, and looks for the reason that belongs to it.
func TestTamperedAttestationsFail(t *testing.T) {
	v := newVerifier(t, nil)
	file := real[0]
	other := attestation(t, read(t, "gitlab"))
	flip := func(a map[string]any, path ...string) {
		m := inside(a, path[:len(path)-1]...)
		key := path[len(path)-1]
		raw, err := base64.StdEncoding.DecodeString(m[key].(string))
		if err != nil {
			t.Fatal(err)
		}
		raw[len(raw)-1] ^= 1
		m[key] = base64.StdEncoding.EncodeToString(raw)
	}
	entry := func(a map[string]any) map[string]any {
		return inside(a, "verification_material")["transparency_entries"].([]any)[0].(map[string]any)
	}
	for _, test := range []struct {
		name   string
		tamper func(bundle, a map[string]any)
		want   string
	}{
		{"signature", func(_, a map[string]any) { flip(a, "envelope", "signature") }, "it is not proven to be in the transparency log: transparency log signature does not match"},
		{"statement", func(_, a map[string]any) {
			s := inside(a, "envelope")["statement"].(string)
			raw, _ := base64.StdEncoding.DecodeString(s)
			raw = bytes.Replace(raw, []byte("0.0.19"), []byte("0.0.20"), 1)
			inside(a, "envelope")["statement"] = base64.StdEncoding.EncodeToString(raw)
		}, "payload"},
		{"another's statement", func(_, a map[string]any) {
			inside(a, "envelope")["statement"] = inside(other, "envelope")["statement"]
		}, "payload"},
		{"another's envelope", func(_, a map[string]any) { a["envelope"] = other["envelope"] }, "signature does not match"},
		{"another's certificate", func(_, a map[string]any) {
			inside(a, "verification_material")["certificate"] = inside(other, "verification_material")["certificate"]
		}, "certificate does not match"},
		{"certificate's signature", func(_, a map[string]any) { flip(a, "verification_material", "certificate") }, "certificate does not match"},
		{"another's whole attestation", func(_, a map[string]any) {
			for key, value := range other {
				a[key] = value
			}
		}, "it is about another file"},
		{"another's log entry", func(_, a map[string]any) {
			inside(a, "verification_material")["transparency_entries"] = inside(other, "verification_material")["transparency_entries"]
		}, "signature does not match"},
		{"log's promise", func(_, a map[string]any) { flip(entry(a), "inclusionPromise", "signedEntryTimestamp") }, "not enough verified log entries"},
		{"time of logging", func(_, a map[string]any) { entry(a)["integratedTime"] = "1733354042" }, "not enough verified log entries"},
		{"no promise", func(_, a map[string]any) { delete(entry(a), "inclusionPromise") }, "the time of its signature is not proven"},
		{"proof's root", func(_, a map[string]any) { flip(entry(a), "inclusionProof", "rootHash") }, "it is not proven to be in the transparency log"},
		{"no proof", func(_, a map[string]any) { delete(entry(a), "inclusionProof") }, "inclusion proof missing"},
		{"checkpoint", func(_, a map[string]any) {
			c := inside(entry(a), "inclusionProof", "checkpoint")
			c["envelope"] = strings.Replace(c["envelope"].(string), "\n", " 1\n", 1)
		}, "it is not proven to be in the transparency log"},
		{"log", func(_, a map[string]any) { flip(entry(a), "logId", "keyId") }, "is not in the trust root"},
		{"claimed repository", func(b, _ map[string]any) { inside(b, "publisher")["repository"] = "trailofbits/other" },
			`it was signed by "trailofbits/pypi-attestations/release.yml", while the index claims "trailofbits/other/release.yml"`},
		{"claimed workflow", func(b, _ map[string]any) { inside(b, "publisher")["workflow"] = "other.yml" }, "while the index claims"},
		{"no claimed workflow", func(b, _ map[string]any) { delete(inside(b, "publisher"), "workflow") }, "while the index claims"},
		{"claimed kind", func(b, _ map[string]any) {
			b["publisher"] = map[string]any{"kind": "GitLab", "repository": "trailofbits/pypi-attestations", "workflow_filepath": "release.yml"}
		}, `vouched for by "https://token.actions.githubusercontent.com", and not by https://gitlab.com`},
		{"claimed Google", func(b, _ map[string]any) {
			b["publisher"] = map[string]any{"kind": "Google", "email": "a@example.invalid"}
		}, "and not by https://accounts.google.com"},
		{"claimed CircleCI", func(b, _ map[string]any) { b["publisher"] = map[string]any{"kind": "CircleCI"} }, "and not by https://oidc.circleci.com"},
		{"unknown kind", func(b, _ map[string]any) { inside(b, "publisher")["kind"] = "New" }, `the kind "New", which is not known`},
		{"no attestations", func(b, _ map[string]any) { b["attestations"] = []any{} }, "names a publisher without an attestation"},
		{"too many", func(b, a map[string]any) { b["attestations"] = slices.Repeat([]any{a}, 17) }, "more than 16 attestations"},
		{"version", func(_, a map[string]any) { a["version"] = 2 }, "an attestation of version 2"},
		{"no entries", func(_, a map[string]any) { inside(a, "verification_material")["transparency_entries"] = []any{} }, "no entry of a transparency log"},
		{"entry", func(_, a map[string]any) { inside(a, "verification_material")["transparency_entries"] = []any{"x"} }, "transparency log entry cannot be read"},
		{"no certificate", func(_, a map[string]any) { delete(inside(a, "verification_material"), "certificate") }, "missing verification material"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var object map[string]any
			if err := json.Unmarshal(read(t, file.name), &object); err != nil {
				t.Fatal(err)
			}
			bundle := object["attestation_bundles"].([]any)[0].(map[string]any)
			test.tamper(bundle, bundle["attestations"].([]any)[0].(map[string]any))
			data, err := json.Marshal(object)
			if err != nil {
				t.Fatal(err)
			}
			publishers, err := v.Verify(data, file.filename, digest(t, file.sha256))
			if err == nil || !strings.Contains(err.Error(), test.want) || publishers != nil {
				t.Errorf("got %v, %v; want an error with %q", publishers, err, test.want)
			}
		})
	}
}

func inside(m map[string]any, path ...string) map[string]any {
	for _, key := range path {
		m = m[key].(map[string]any)
	}
	return m
}

// attestation is the first of a provenance.
func attestation(t *testing.T, data []byte) map[string]any {
	t.Helper()
	var object struct {
		Bundles []struct {
			Attestations []map[string]any `json:"attestations"`
		} `json:"attestation_bundles"`
	}
	if err := json.Unmarshal(data, &object); err != nil {
		t.Fatal(err)
	}
	return object.Bundles[0].Attestations[0]
}

func TestAnotherFileFails(t *testing.T) {
	v := newVerifier(t, nil)
	file := real[0]
	for _, test := range []struct{ filename, sha256, want string }{
		{"pypi_attestations-0.0.20.tar.gz", file.sha256, `it is about another file, "pypi_attestations-0.0.19.tar.gz"`},
		{"pypi_attestations-0.0.19.zip", file.sha256, "it is about another file"},
		{file.filename, real[1].sha256, "it is about other bytes"},
		{file.filename, "", "states no SHA-256"},
	} {
		var d lockkeeper.Digest
		if test.sha256 != "" {
			d = digest(t, test.sha256)
		}
		if _, err := v.Verify(read(t, file.name), test.filename, d); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s %s: %v, want an error with %q", test.filename, test.sha256, err, test.want)
		}
	}
	if _, err := v.Verify(read(t, file.name), "Pypi.Attestations-0.0.19.tar.gz", digest(t, file.sha256)); err != nil {
		t.Errorf("the same file by another spelling: %v", err)
	}
}

// TestAnotherTrustRootFails: what one instance of Sigstore signed means nothing to
// another.
func TestAnotherTrustRootFails(t *testing.T) {
	const rfc8785 = "c4e92e9ecc828bef2aa7dba1de8ac983511f7532a0df11c770d39099a25cf201"
	if _, err := newVerifier(t, nil).Verify(read(t, "staging"), "rfc8785-0.1.2-py3-none-any.whl", digest(t, rfc8785)); err == nil || !strings.Contains(err.Error(), "is not in the trust root") {
		t.Errorf("Sigstore's staging under the public root: %v", err)
	}
	own := newSigstore(t)
	v := newVerifier(t, own.TrustRoot())
	if _, err := v.Verify(read(t, "github"), real[0].filename, digest(t, real[0].sha256)); err == nil || !strings.Contains(err.Error(), "is not in the trust root") {
		t.Errorf("the public Sigstore under a root of one's own: %v", err)
	}
	data := provenanceOf(t, own, provenancetest.Claim{})
	if _, err := newVerifier(t, newSigstore(t).TrustRoot()).Verify(data, wheel, sum); err == nil || !strings.Contains(err.Error(), "is not in the trust root") {
		t.Errorf("another Sigstore of the same names: %v", err)
	}
	for name, text := range map[string]string{
		"nothing": "", "no JSON": "x", "no media type": "{}",
		"nobody": `{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}`,
	} {
		if _, err := provenance.New([]byte(text)); err == nil {
			t.Errorf("a trust root of %s is accepted", name)
		}
	}
}

const wheel = "foo-1.0-py3-none-any.whl"

var sum = lockkeeper.Sum([]byte("wheel"))

func newSigstore(t testing.TB) *provenancetest.Sigstore {
	t.Helper()
	s, err := provenancetest.New()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// provenanceOf is the index's answer for one claim; what it leaves out is about
// wheel by a GitHub workflow.
func provenanceOf(t testing.TB, s *provenancetest.Sigstore, c provenancetest.Claim) []byte {
	t.Helper()
	if !c.Publisher.Known() {
		c.Publisher = lockkeeper.Principal{Kind: lockkeeper.GitHubRepo, ID: "foo/foo/release.yml"}
	}
	if c.Filename == "" {
		c.Filename, c.Digest = wheel, sum
	}
	data, err := s.Provenance(c)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestOwnSigstoreHolds(t *testing.T) {
	s := newSigstore(t)
	v := newVerifier(t, s.TrustRoot())
	for _, publisher := range []string{"github:foo/foo/release.yml", "gitlab:a/b/c/.gitlab-ci.yml", "google:robot@example.invalid", "circleci:1/2"} {
		p, err := lockkeeper.ParsePrincipal(publisher)
		if err != nil {
			t.Fatal(err)
		}
		environment := ""
		if p.Kind == lockkeeper.GitHubRepo || p.Kind == lockkeeper.GitLabPath {
			environment = "release to all"
		}
		for _, at := range []time.Time{{}, time.Date(2012, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2060, 1, 1, 0, 0, 0, 0, time.UTC)} {
			got, err := v.Verify(provenanceOf(t, s, provenancetest.Claim{Publisher: p, Environment: environment, Time: at}), wheel, sum)
			if err != nil {
				t.Errorf("%s at %s: %v", publisher, at, err)
				continue
			}
			if diff := cmp.Diff([]registry.Signer{{Publisher: p, Environment: environment}}, got); diff != "" {
				t.Errorf("publishers (-want +got):\n%s", diff)
			}
		}
	}
	if got, err := v.Verify([]byte(`{"version":1,"attestation_bundles":[]}`), wheel, sum); err != nil || got != nil {
		t.Errorf("no bundles: %v, %v; want none", got, err)
	}
}

// TestForgedAttestationsFail: what a forger can make that has all signatures but
// one in order.
func TestForgedAttestationsFail(t *testing.T) {
	s := newSigstore(t)
	v := newVerifier(t, s.TrustRoot())
	statement := func(format string) []byte {
		return fmt.Appendf(nil, format, wheel, sum.Hex())
	}
	for _, test := range []struct {
		name  string
		claim provenancetest.Claim
		want  string
	}{
		{"signature", provenancetest.Claim{Wrong: provenancetest.Signature}, "its signature is not that of the certificate's key"},
		{"promise", provenancetest.Claim{Wrong: provenancetest.Promise}, "it is not proven to be in the transparency log"},
		{"proof", provenancetest.Claim{Wrong: provenancetest.Proof}, "it is not proven to be in the transparency log"},
		{"certificate", provenancetest.Claim{Wrong: provenancetest.Certificate}, "its certificate is not from the trust root, or was not valid when it signed"},
		{"certificate log", provenancetest.Claim{Wrong: provenancetest.CertificateLog}, "its certificate is not proven to be in a certificate log"},
		{"signed late", provenancetest.Claim{Wrong: provenancetest.Late}, "outside certificate validity"},
		{"statement's type", provenancetest.Claim{Statement: statement(`{"_type":"https://in-toto.io/Statement/v0.1","subject":[{"name":%q,"digest":{"sha256":%q}}],"predicateType":"https://docs.pypi.org/attestations/publish/v1"}`)}, "a statement of type"},
		{"predicate's type", provenancetest.Claim{Statement: statement(`{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":%q,"digest":{"sha256":%q}}],"predicateType":"https://example.invalid/new"}`)}, `attests "https://example.invalid/new"`},
		{"subject twice", provenancetest.Claim{Statement: statement(`{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":%[1]q,"digest":{"sha256":%[2]q}},{"name":%[1]q,"digest":{"sha256":%[2]q}}],"predicateType":"https://slsa.dev/provenance/v1"}`)}, "about 2 files"},
		{"no subject", provenancetest.Claim{Statement: []byte(`{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://slsa.dev/provenance/v1"}`)}, "about 0 files"},
		{"weak digest", provenancetest.Claim{Statement: statement(`{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":%q,"digest":{"md5":%q}}],"predicateType":"https://slsa.dev/provenance/v1"}`)}, "about other bytes"},
		{"no statement", provenancetest.Claim{Statement: []byte("wheel")}, "its statement cannot be read"},
		{"other name", provenancetest.Claim{Filename: "bar-1.0-py3-none-any.whl", Digest: sum}, "it is about another file"},
		{"other digest", provenancetest.Claim{Filename: wheel, Digest: lockkeeper.Sum(nil)}, "it is about other bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got, err := v.Verify(provenanceOf(t, s, test.claim), wheel, sum); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, %v; want an error with %q", got, err, test.want)
			}
		})
	}
}

// TestExpiredTrustFails: after an authority's or a log's end it vouches for
// nothing; what it vouched for before holds.
func TestExpiredTrustFails(t *testing.T) {
	s := newSigstore(t)
	end := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	v := newVerifier(t, s.TrustRootUntil(end))
	if _, err := v.Verify(provenanceOf(t, s, provenancetest.Claim{Time: end.Add(-time.Hour)}), wheel, sum); err != nil {
		t.Errorf("signed before the end: %v", err)
	}
	if _, err := v.Verify(provenanceOf(t, s, provenancetest.Claim{Time: end.Add(time.Hour)}), wheel, sum); err == nil || !strings.Contains(err.Error(), "transparency log") {
		t.Errorf("signed after the end: %v, want it not to hold", err)
	}
}

func TestUnreadableProvenanceFails(t *testing.T) {
	v := newVerifier(t, nil)
	for _, data := range []string{``, `[]`, `{"version":2}`, `{"version":-1}`, `{"attestation_bundles":{}}`, `{"attestation_bundles":[{}]}`, `{"attestation_bundles":[{"attestations":[{}]}]}`} {
		if got, err := v.Verify([]byte(data), wheel, sum); err == nil {
			t.Errorf("%s gave %v, want an error", data, got)
		}
	}
}

// FuzzVerify: whatever an index answers, there is an answer or an error, and what
// is not exactly what was signed is an error.
func FuzzVerify(f *testing.F) {
	s := newSigstore(f)
	v := newVerifier(f, s.TrustRoot())
	f.Add(provenanceOf(f, s, provenancetest.Claim{}))
	public := newVerifier(f, nil)
	for _, test := range real {
		f.Add(read(f, test.name))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, v := range []*provenance.Verifier{v, public} {
			publishers, err := v.Verify(data, "fuzz-1.0-py3-none-any.whl", sum)
			if err == nil && len(publishers) != 0 {
				t.Fatalf("%q: published by %v", data, publishers)
			}
		}
	})
}

// FuzzParts puts other parts into an attestation that is in order: no other
// statement, signature, certificate or log entry may hold.
func FuzzParts(f *testing.F) {
	s := newSigstore(f)
	v := newVerifier(f, s.TrustRoot())
	type parts struct {
		Version  int `json:"version"`
		Material struct {
			Certificate []byte            `json:"certificate"`
			Entries     []json.RawMessage `json:"transparency_entries"`
		} `json:"verification_material"`
		Envelope struct {
			Statement []byte `json:"statement"`
			Signature []byte `json:"signature"`
		} `json:"envelope"`
	}
	claim := provenancetest.Claim{Publisher: lockkeeper.Principal{Kind: lockkeeper.GitHubRepo, ID: "foo/foo/release.yml"}, Filename: wheel, Digest: sum}
	raw, err := s.Attest(claim)
	if err != nil {
		f.Fatal(err)
	}
	var good parts
	if err := json.Unmarshal(raw, &good); err != nil {
		f.Fatal(err)
	}
	var entry struct {
		Body []byte `json:"canonicalizedBody"`
	}
	if err := json.Unmarshal(good.Material.Entries[0], &entry); err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(good.Material.Entries[0]), entry.Body, good.Material.Certificate, good.Envelope.Statement, good.Envelope.Signature)
	f.Fuzz(func(t *testing.T, entry, body, certificate, statement, signature []byte) {
		var fields map[string]any
		if json.Unmarshal(entry, &fields) != nil || fields == nil {
			return
		}
		fields["canonicalizedBody"] = body
		mixed, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		changed := good
		changed.Material.Entries = []json.RawMessage{mixed}
		changed.Material.Certificate, changed.Envelope.Statement, changed.Envelope.Signature = certificate, statement, signature
		data, err := json.Marshal(map[string]any{"version": 1, "attestation_bundles": []any{map[string]any{
			"publisher": map[string]any{"kind": "GitHub", "repository": "foo/foo", "workflow": "release.yml"}, "attestations": []any{changed},
		}}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.Verify(data, wheel, sum); err == nil &&
			(!bytes.Equal(statement, good.Envelope.Statement) || !bytes.Equal(signature, good.Envelope.Signature) || !bytes.Equal(certificate, good.Material.Certificate)) {
			t.Fatalf("holds with other parts: %s", data)
		}
	})
}

// BenchmarkVerifyRelease verifies the provenance of a release with 100 files, as
// the widest wheels matrices have.
func BenchmarkVerifyRelease(b *testing.B) {
	s := newSigstore(b)
	v := newVerifier(b, s.TrustRoot())
	const files = 100
	answers := make([][]byte, files)
	for i := range answers {
		answers[i] = provenanceOf(b, s, provenancetest.Claim{})
	}
	b.ReportAllocs()
	for b.Loop() {
		for _, data := range answers {
			if _, err := v.Verify(data, wheel, sum); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*files), "us/file")
}

func BenchmarkVerifyReal(b *testing.B) {
	v := newVerifier(b, nil)
	data, d := read(b, "github"), digest(b, real[0].sha256)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(data, real[0].filename, d); err != nil {
			b.Fatal(err)
		}
	}
}

// TestEnvironmentIsTheIndexsWord: no certificate names an environment, so that one
// is taken over as it is claimed; null, "" and none at all are the same.
func TestEnvironmentIsTheIndexsWord(t *testing.T) {
	v := newVerifier(t, nil)
	file := real[0]
	for _, test := range []struct{ claimed, want, broken string }{
		{`null`, "", ""},
		{`""`, "", ""},
		{`"release"`, "release", ""},
		{`"to all users"`, "to all users", ""},
		{`"two\nlines"`, "", "an environment whose name"},
		{`"` + strings.Repeat("e", 2000) + `"`, "", "an environment whose name"},
		{`7`, "", "cannot be read"},
	} {
		data := bytes.Replace(read(t, file.name), []byte(`"environment": null`), []byte(`"environment": `+test.claimed), 1)
		got, err := v.Verify(data, file.filename, digest(t, file.sha256))
		if test.broken != "" {
			if err == nil || !strings.Contains(err.Error(), test.broken) {
				t.Errorf("%.40s: %v, %v; want an error with %q", test.claimed, got, err, test.broken)
			}
			continue
		}
		if err != nil || len(got) != 1 || got[0].Environment != test.want {
			t.Errorf("%s: %v, %v; want the environment %q", test.claimed, got, err, test.want)
		}
	}
}
