// Package provenancetest is a Sigstore of one's own: an authority that names
// publishers in certificates, a log of certificates and a log of signatures, all
// made on the fly. Test registries sign with it what they publish, so that the
// real verifier reads real provenance, against the trust root given here.
//
// It is written from the formats (fulcio: docs/oid-info.md; RFC 6962; rekor's
// "dsse" entries) and shares no code with the verifier, so that the two check each
// other. It leaves out what PEP 740 has no place for, such as timestamps of RFC
// 3161.
package provenancetest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper"
)

// Sigstore is safe for concurrent use. Make it with New.
type Sigstore struct {
	root, authority *x509.Certificate
	authorityKey    *ecdsa.PrivateKey
	certificateLog  logKey
	signatureLog    logKey
}

// logKey signs for a log; its id is the hash of its key (RFC 6962, section 3.2).
type logKey struct {
	key *ecdsa.PrivateKey
	der []byte
	id  [sha256.Size]byte
}

// The years for which everything is trusted, wide enough for any incident that is
// replayed.
var (
	trustedFrom  = time.Date(2010, 1, 1, 0, 0, 0, 0, time.UTC)
	trustedUntil = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
)

// New makes new keys.
func New() (*Sigstore, error) {
	s := &Sigstore{}
	rootKey, err := newKey()
	if err != nil {
		return nil, err
	}
	authority := func(name string) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: trustedFrom, NotAfter: trustedUntil,
			KeyUsage: x509.KeyUsageCertSign, BasicConstraintsValid: true, IsCA: true,
		}
	}
	if s.root, err = certify(authority("test root"), nil, rootKey.Public(), rootKey); err != nil {
		return nil, err
	}
	if s.authorityKey, err = newKey(); err != nil {
		return nil, err
	}
	below := authority("test authority")
	below.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}
	if s.authority, err = certify(below, s.root, s.authorityKey.Public(), rootKey); err != nil {
		return nil, err
	}
	for _, l := range []*logKey{&s.certificateLog, &s.signatureLog} {
		if l.key, err = newKey(); err != nil {
			return nil, err
		}
		if l.der, err = x509.MarshalPKIXPublicKey(l.key.Public()); err != nil {
			return nil, err
		}
		l.id = sha256.Sum256(l.der)
	}
	return s, nil
}

func newKey() (*ecdsa.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

// certify signs with the parent's key; without a parent it is the certificate's own.
func certify(template, parent *x509.Certificate, public crypto.PublicKey, signer crypto.Signer) (*x509.Certificate, error) {
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, signer)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// TrustRoot is what a verifier must trust, in Sigstore's JSON.
func (s *Sigstore) TrustRoot() []byte { return s.TrustRootUntil(trustedUntil) }

// TrustRootUntil is a trust root whose authority and logs are trusted no longer
// than that.
func (s *Sigstore) TrustRootUntil(end time.Time) []byte {
	validFor := map[string]any{"start": trustedFrom, "end": end}
	log := func(l logKey, host string) []any {
		return []any{map[string]any{
			"baseUrl": "https://" + host, "hashAlgorithm": "SHA2_256", "logId": map[string]any{"keyId": l.id[:]},
			"publicKey": map[string]any{"rawBytes": l.der, "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": validFor},
		}}
	}
	certificates := []any{map[string]any{"rawBytes": s.authority.Raw}, map[string]any{"rawBytes": s.root.Raw}}
	return encode(map[string]any{
		"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
		"tlogs":     log(s.signatureLog, "log.example.invalid"),
		"ctlogs":    log(s.certificateLog, "certificates.example.invalid"),
		"certificateAuthorities": []any{map[string]any{
			"uri": "https://authority.example.invalid", "certChain": map[string]any{"certificates": certificates}, "validFor": validFor,
		}},
	})
}

// encode is for values of strings, numbers, bytes and times alone. Its objects
// have their keys in order, which with ASCII strings is the canonical form of
// RFC 8785 that the log signs.
func encode(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return data
}

// Wrong is one thing that an attestation gets wrong.
type Wrong string

const (
	Nothing Wrong = ""
	// Signature is of another statement, and logged as it is.
	Signature Wrong = "signature"
	// Promise is signed by somebody who is not the log.
	Promise Wrong = "promise"
	// Proof leads to another tree than the log's.
	Proof Wrong = "proof"
	// Certificate is from an authority with the trusted one's name and another key.
	Certificate Wrong = "certificate"
	// CertificateLog did not log the certificate.
	CertificateLog Wrong = "certificate log"
	// Late signing is after the certificate's end.
	Late Wrong = "late"
)

// Claim is what is attested, and by whom.
type Claim struct {
	// Publisher signs: github:owner/repo/workflow.yml, gitlab:group/project/.gitlab-ci.yml,
	// google:account or circleci:project/pipeline.
	Publisher lockkeeper.Principal
	// Environment that the index claims of a workflow of GitHub or GitLab. Empty: none.
	Environment string
	// Filename and Digest are what it is about.
	Filename string
	Digest   lockkeeper.Digest
	// Time of signing. Default: the start of 2025.
	Time time.Time
	// Statement is signed instead of one about Filename and Digest.
	Statement []byte
	Wrong     Wrong
}

// Statement is what is signed of a file, in the form of in-toto.
func Statement(filename string, digest lockkeeper.Digest) []byte {
	return encode(map[string]any{
		"_type":         "https://in-toto.io/Statement/v1",
		"subject":       []any{map[string]any{"name": filename, "digest": map[string]string{"sha256": digest.Hex()}}},
		"predicateType": "https://docs.pypi.org/attestations/publish/v1",
		"predicate":     nil,
	})
}

// Provenance gives an index's answer about one file, with one attestation whose
// publisher it claims as the attestation has it.
func (s *Sigstore) Provenance(c Claim) ([]byte, error) {
	attestation, err := s.Attest(c)
	if err != nil {
		return nil, err
	}
	bundle := map[string]any{"publisher": claimed(c.Publisher, c.Environment), "attestations": []any{attestation}}
	return encode(map[string]any{"version": 1, "attestation_bundles": []any{bundle}}), nil
}

// claimed is a publisher in the words of PEP 740, of which an environment that there
// is not is null for GitHub and empty for GitLab, as PyPI has it.
func claimed(p lockkeeper.Principal, environment string) map[string]any {
	switch p.Kind {
	case lockkeeper.GitHubRepo:
		repository, workflow, _ := cutGitHub(p.ID)
		publisher := map[string]any{"kind": "GitHub", "repository": repository, "workflow": workflow, "environment": nil, "claims": nil}
		if environment != "" {
			publisher["environment"] = environment
		}
		return publisher
	case lockkeeper.GitLabPath:
		repository, workflow, _ := cutGitLab(p.ID)
		return map[string]any{"kind": "GitLab", "repository": repository, "workflow_filepath": workflow, "environment": environment}
	case lockkeeper.CircleCI:
		project, pipeline, _ := strings.Cut(p.ID, "/")
		return map[string]any{"kind": "CircleCI", "project_id": project, "pipeline_definition_id": pipeline, "vcs_origin": nil, "vcs_ref": nil}
	default:
		return map[string]any{"kind": "Google", "email": p.ID}
	}
}

// Attest gives an attestation in the form of PEP 740.
func (s *Sigstore) Attest(c Claim) (json.RawMessage, error) {
	at := c.Time
	if at.IsZero() {
		at = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	statement := c.Statement
	if statement == nil {
		statement = Statement(c.Filename, c.Digest)
	}
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	certificate, err := s.certificate(c, at, key.Public())
	if err != nil {
		return nil, fmt.Errorf("certificate for %s: %w", c.Publisher, err)
	}
	const payloadType = "application/vnd.in-toto+json"
	signed := statement
	if c.Wrong == Signature {
		signed = append([]byte(" "), statement...)
	}
	// The encoding that DSSE signs (secure-systems-lab/dsse: protocol.md).
	signature, err := sign(key, fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(payloadType), payloadType, len(signed), signed))
	if err != nil {
		return nil, err
	}
	if c.Wrong == Late {
		at = at.Add(time.Hour)
	}
	entry, err := s.logged(c.Wrong, at, statement, signature, certificate)
	if err != nil {
		return nil, err
	}
	return encode(map[string]any{
		"version":               1,
		"envelope":              map[string]any{"statement": statement, "signature": signature},
		"verification_material": map[string]any{"certificate": certificate, "transparency_entries": []any{entry}},
	}), nil
}

func sign(key *ecdsa.PrivateKey, message []byte) ([]byte, error) {
	sum := sha256.Sum256(message)
	return ecdsa.SignASN1(rand.Reader, key, sum[:])
}
