// Package provenance verifies who published a file of a Python package: the
// attestations of PEP 740, which an index hands out beside the file and which
// anybody can check without trusting the index.
//
// Verified means that each attestation of the file
//
//   - is signed with the key of a certificate that leads to the trust root and
//     stands in its certificate log,
//   - stands in the transparency log of the trust root, at a time when that
//     certificate was valid,
//   - is about this file, by name and SHA-256, and of a kind that PyPI knows,
//   - and was signed by the publisher that the index claims, as the certificate
//     names it.
//
// The last is how PyPI itself does it (pypi-attestations, verify in _impl.py). A
// certificate does not name the deployment environment that a claim may name: that
// is handed on as the index states it.
//
// It fetches nothing: the trust root is given to it. The one that is built in is
// Sigstore's public one, which rarely changes, yet does; New takes another.
// Verification takes the signatures' own logged times, never the clock, so that
// the same input gives the same answer on every day.
package provenance

import (
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/registry"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/verify"
)

// publicRoot is the trust root of Sigstore's public instance, as distributed by
// the Python package sigstore 4.5.1 (October 2026, Apache-2.0) in
// sigstore/_store/https%3A%2F%2Ftuf-repo-cdn.sigstore.dev/trusted_root.json.
//
//go:embed trusted_root.json
var publicRoot []byte

// Verifier verifies against one trust root. It is safe for concurrent use.
type Verifier struct {
	digest   lockkeeper.Digest
	root     *root.TrustedRoot
	verifier *verify.Verifier
}

// New takes a trust root in Sigstore's JSON (protobuf-specs: TrustedRoot), or
// Sigstore's public one where trustRoot is nil. A root without an authority, a
// certificate log or a transparency log is an error: nothing could be verified
// by it.
func New(trustRoot []byte) (*Verifier, error) {
	if trustRoot == nil {
		trustRoot = publicRoot
	}
	r, err := root.NewTrustedRootFromJSON(trustRoot)
	if err != nil {
		return nil, fmt.Errorf("read the trust root: %w", err)
	}
	if len(r.FulcioCertificateAuthorities()) == 0 || len(r.CTLogs()) == 0 || len(r.RekorLogs()) == 0 {
		return nil, errors.New("read the trust root: it must name a certificate authority, a certificate log and a transparency log")
	}
	v, err := verify.NewVerifier(r,
		verify.WithTransparencyLog(1), verify.WithIntegratedTimestamps(1), verify.WithSignedCertificateTimestamps(1),
		verify.WithoutStatementPredicate())
	if err != nil {
		return nil, fmt.Errorf("read the trust root: %w", err)
	}
	return &Verifier{digest: lockkeeper.Sum(trustRoot), root: r, verifier: v}, nil
}

// Root is the digest of the trust root's text. What was verified against another
// may not hold against this one.
func (v *Verifier) Root() lockkeeper.Digest { return v.digest }

// Verify takes an index's answer about one file (PEP 740: the provenance object)
// and gives who signed each of its bundles, in their order. An answer without bundles gives none. Every attestation
// must hold; the error names the first that does not, and why, and is the same on
// every try.
func (v *Verifier) Verify(data []byte, filename string, digest lockkeeper.Digest) ([]registry.Signer, error) {
	bundles, err := parse(data)
	if err != nil {
		return nil, err
	}
	if digest == "" && len(bundles) > 0 {
		return nil, errors.New("the index states no SHA-256 of the file, which attestations are about")
	}
	var signers []registry.Signer
	for _, b := range bundles {
		signer := registry.Signer{}
		if signer.Environment, err = b.Publisher.environment(); err != nil {
			return nil, err
		}
		for _, a := range b.Attestations {
			if signer.Publisher, err = v.attestation(a, b.Publisher, filename, digest); err != nil {
				return nil, err
			}
		}
		signers = append(signers, signer)
	}
	return signers, nil
}

// attestation verifies one. The publisher is read from its certificate only after
// the certificate itself has held.
func (v *Verifier) attestation(a attestation, claim publisher, filename string, digest lockkeeper.Digest) (lockkeeper.Principal, error) {
	var nobody lockkeeper.Principal
	entry, err := a.entry()
	if err != nil {
		return nobody, err
	}
	if id := hex.EncodeToString(entry.GetLogId().GetKeyId()); v.root.RekorLogs()[id] == nil {
		return nobody, fmt.Errorf("its transparency log, %.16s, is not in the trust root; if PyPI has moved to a newer log, refresh the trust root", id)
	}
	entity, err := a.bundle(entry)
	if err != nil {
		return nobody, err
	}
	// What it is about and who signed it are checked below: the library's policies
	// know neither a subject's name nor PyPI's publishers.
	result, err := v.verifier.Verify(entity, verify.NewPolicy(verify.WithoutArtifactUnsafe(), verify.WithoutIdentitiesUnsafe()))
	if err != nil {
		return nobody, explain(err)
	}
	if err := checkStatement(result.Statement, filename, digest); err != nil {
		return nobody, err
	}
	if result.Signature == nil || result.Signature.Certificate == nil {
		return nobody, errors.New("it is not signed with a certificate")
	}
	return claim.signed(*result.Signature.Certificate)
}

// stages are the library's words for where verification ended, and ours.
var stages = []struct{ theirs, ours string }{
	{"failed to verify log inclusion: ", "it is not proven to be in the transparency log"},
	{"failed to verify timestamps: ", "the time of its signature is not proven"},
	{"failed to summarize certificate: ", "its certificate names nobody"},
	{"failed to verify leaf certificate: ", "its certificate is not from the trust root, or was not valid when it signed"},
	{"failed to verify signed certificate timestamp: ", "its certificate is not proven to be in a certificate log"},
	{"failed to verify signature: ", "its signature is not that of the certificate's key"},
	{"failed to fetch envelope statement: ", "its statement cannot be read"},
}

// maxReason bounds what of the library's message goes on, in bytes: parts of it
// come from the attestation.
const maxReason = 300

func explain(err error) error {
	text := err.Error()
	for _, s := range stages {
		if rest, ok := strings.CutPrefix(text, s.theirs); ok {
			return fmt.Errorf("%s: %.*s", s.ours, maxReason, rest)
		}
	}
	return fmt.Errorf("it cannot be verified: %.*s", maxReason, text)
}
