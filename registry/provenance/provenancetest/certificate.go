package provenancetest

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"errors"
	"math/big"
	"net/url"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper"
)

// certificate names the publisher for ten minutes, as Fulcio's do.
func (s *Sigstore) certificate(c Claim, at time.Time, public crypto.PublicKey) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, NotBefore: at.Add(-time.Minute), NotAfter: at.Add(9 * time.Minute),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
	}
	if err := name(template, c.Publisher); err != nil {
		return nil, err
	}
	authorityKey := s.authorityKey
	if c.Wrong == Certificate {
		if authorityKey, err = newKey(); err != nil {
			return nil, err
		}
	}
	authority := *s.authority
	authority.PublicKey = authorityKey.Public()
	unlogged, err := certify(template, &authority, public, authorityKey)
	if err != nil {
		return nil, err
	}
	if c.Wrong == CertificateLog {
		return unlogged.Raw, nil
	}
	timestamp, err := s.timestamp(unlogged.RawTBSCertificate, at)
	if err != nil {
		return nil, err
	}
	template.ExtraExtensions = append(template.ExtraExtensions, timestamp)
	logged, err := certify(template, &authority, public, authorityKey)
	if err != nil {
		return nil, err
	}
	return logged.Raw, nil
}

// A commit and a ref, which every run of a workflow has.
const (
	commit = "0000000000000000000000000000000000000001"
	ref    = "refs/tags/release"
)

// name puts a publisher into a certificate (fulcio: docs/oid-info.md).
func name(template *x509.Certificate, p lockkeeper.Principal) error {
	add := func(number int, value string) {
		// Marshalling a string as UTF-8 fails only where it is not.
		der, err := asn1.MarshalWithParams(strings.ToValidUTF8(value, "?"), "utf8")
		if err != nil {
			panic(err)
		}
		template.ExtraExtensions = append(template.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, number}, Value: der})
	}
	var signer string
	switch p.Kind {
	case lockkeeper.GitHubRepo:
		repository, workflow, found := cutGitHub(p.ID)
		if !found {
			return errors.New("want github:owner/repo/workflow.yml")
		}
		repository = "https://github.com/" + repository
		signer = repository + "/.github/workflows/" + workflow + "@" + ref
		add(8, "https://token.actions.githubusercontent.com")
		add(12, repository)
	case lockkeeper.GitLabPath:
		repository, workflow, found := cutGitLab(p.ID)
		if !found {
			return errors.New("want gitlab:group/project/.gitlab-ci.yml")
		}
		repository = "https://gitlab.com/" + repository
		signer = repository + "//" + workflow + "@" + ref
		add(8, "https://gitlab.com")
		add(12, repository)
	case lockkeeper.CircleCI:
		project, pipeline, _ := strings.Cut(p.ID, "/")
		signer = "https://circleci.com/api/v2/projects/" + project + "/pipeline-definitions/" + pipeline
		add(8, "https://oidc.circleci.com")
	case lockkeeper.Google:
		template.EmailAddresses = []string{p.ID}
		add(8, "https://accounts.google.com")
		return nil
	default:
		return errors.New("such a publisher has no certificates")
	}
	run, err := url.Parse(signer)
	if err != nil {
		return err
	}
	template.URIs = []*url.URL{run}
	add(9, signer)
	add(13, commit)
	add(14, ref)
	add(18, signer)
	return nil
}

// cutGitHub splits owner/repo/workflow.yml before the workflow.
func cutGitHub(id string) (repository, workflow string, found bool) {
	owner, rest, _ := strings.Cut(id, "/")
	project, workflow, found := strings.Cut(rest, "/")
	return owner + "/" + project, workflow, found
}

// cutGitLab splits the path of a project from that of its workflow file, which
// begins with ".gitlab-ci" as GitLab's own does.
func cutGitLab(id string) (repository, workflow string, found bool) {
	i := strings.Index(id, "/.gitlab-ci")
	if i <= 0 {
		return id, "", false
	}
	return id[:i], id[i+1:], true
}

// timestamp is the certificate log's promise to have logged a certificate, as the
// extension that holds it (RFC 6962, sections 3.2 and 3.3). tbs is the certificate
// without that extension and without a signature.
func (s *Sigstore) timestamp(tbs []byte, at time.Time) (pkix.Extension, error) {
	issuer := sha256.Sum256(s.authority.RawSubjectPublicKeyInfo)
	millis := binary.BigEndian.AppendUint64(nil, uint64(at.UnixMilli()))

	signed := append([]byte{0, 0}, millis...) // version 1, certificate_timestamp
	signed = append(signed, 0, 1)             // precert_entry
	signed = append(signed, issuer[:]...)
	signed = append(signed, byte(len(tbs)>>16), byte(len(tbs)>>8), byte(len(tbs)))
	signed = append(signed, tbs...)
	signed = append(signed, 0, 0) // no extensions
	signature, err := sign(s.certificateLog.key, signed)
	if err != nil {
		return pkix.Extension{}, err
	}

	sct := append([]byte{0}, s.certificateLog.id[:]...)
	sct = append(sct, millis...)
	sct = append(sct, 0, 0, 4, 3) // no extensions; SHA-256, ECDSA
	sct = append(sct, vector(signature)...)
	value, err := asn1.Marshal(vector(vector(sct)))
	return pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 4, 2}, Value: value}, err
}

// vector is data after its length in two bytes (RFC 8446, section 3.4).
func vector(data []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(data))), data...)
}
