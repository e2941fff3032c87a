package provenance

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/lockkeeper/lockkeeper"

	intoto "github.com/in-toto/attestation/go/v1"
	bundlepb "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	commonpb "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	dssepb "github.com/sigstore/protobuf-specs/gen/pb-go/dsse"
	rekorpb "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	"github.com/sigstore/sigstore-go/pkg/bundle"
	"google.golang.org/protobuf/encoding/protojson"
)

// maxAttestations of one file. PyPI accepts one of each kind, which makes two; the
// bound keeps an index from asking for any number of signature checks.
const maxAttestations = 16

// The kinds of statements that PyPI accepts (pypi-attestations: AttestationType).
var predicateTypes = []string{
	"https://docs.pypi.org/attestations/publish/v1",
	"https://slsa.dev/provenance/v1",
}

const statementType = "https://in-toto.io/Statement/v1"

// attestationBundle is what one publisher says of a file (PEP 740).
type attestationBundle struct {
	Publisher    publisher     `json:"publisher"`
	Attestations []attestation `json:"attestations"`
}

type attestation struct {
	Version  int `json:"version"`
	Material struct {
		Certificate []byte            `json:"certificate"` // DER
		Entries     []json.RawMessage `json:"transparency_entries"`
	} `json:"verification_material"`
	Envelope struct {
		Statement []byte `json:"statement"` // JSON of in-toto, exactly as signed
		Signature []byte `json:"signature"`
	} `json:"envelope"`
}

func parse(data []byte) ([]attestationBundle, error) {
	var object struct {
		Version int `json:"version"`
		// A pointer: an answer without the key does not say that there are none.
		Bundles *[]attestationBundle `json:"attestation_bundles"`
	}
	if err := json.Unmarshal(data, &object); err != nil {
		return nil, fmt.Errorf("it cannot be read: %w", err)
	}
	if object.Version > 1 || object.Version < 0 {
		return nil, fmt.Errorf("it has version %d: only 1 is known", object.Version)
	}
	if object.Bundles == nil {
		return nil, errors.New(`it cannot be read: "attestation_bundles" is missing`)
	}
	count := 0
	for _, b := range *object.Bundles {
		if len(b.Attestations) == 0 {
			return nil, errors.New("it names a publisher without an attestation")
		}
		if count += len(b.Attestations); count > maxAttestations {
			return nil, fmt.Errorf("it has more than %d attestations", maxAttestations)
		}
		for _, a := range b.Attestations {
			if a.Version != 1 {
				return nil, fmt.Errorf("it has an attestation of version %d: only 1 is known", a.Version)
			}
		}
	}
	return *object.Bundles, nil
}

// entry is the attestation's proof of being logged: the first, as PyPI takes it.
func (a attestation) entry() (*rekorpb.TransparencyLogEntry, error) {
	if len(a.Material.Entries) == 0 {
		return nil, errors.New("it has no entry of a transparency log")
	}
	entry := &rekorpb.TransparencyLogEntry{}
	// Fields of the future may add to the proof; those known must prove it alone.
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(a.Material.Entries[0], entry); err != nil {
		return nil, fmt.Errorf("its transparency log entry cannot be read: %.*s", maxReason, err)
	}
	return entry, nil
}

// bundle is the attestation in the form of Sigstore, as pypi-attestations converts
// it (to_bundle): version 0.3, which demands proof of inclusion in the log besides
// the log's promise.
func (a attestation) bundle(entry *rekorpb.TransparencyLogEntry) (*bundle.Bundle, error) {
	mediaType, err := bundle.MediaTypeString("0.3")
	if err != nil {
		return nil, err
	}
	out, err := bundle.NewBundle(&bundlepb.Bundle{
		MediaType: mediaType,
		VerificationMaterial: &bundlepb.VerificationMaterial{
			Content:     &bundlepb.VerificationMaterial_Certificate{Certificate: &commonpb.X509Certificate{RawBytes: a.Material.Certificate}},
			TlogEntries: []*rekorpb.TransparencyLogEntry{entry},
		},
		Content: &bundlepb.Bundle_DsseEnvelope{DsseEnvelope: &dssepb.Envelope{
			Payload: a.Envelope.Statement, PayloadType: bundle.IntotoMediaType,
			Signatures: []*dssepb.Signature{{Sig: a.Envelope.Signature}},
		}},
	})
	if err != nil {
		return nil, fmt.Errorf("its transparency log entry cannot be read: %.*s", maxReason, err)
	}
	return out, nil
}

// checkStatement holds a signed statement against the file that it must be about.
func checkStatement(s *intoto.Statement, filename string, digest lockkeeper.Digest) error {
	if s.GetType() != statementType {
		return fmt.Errorf("it is a statement of type %.100q; only %s is known", s.GetType(), statementType)
	}
	if !slices.Contains(predicateTypes, s.GetPredicateType()) {
		return fmt.Errorf("it attests %.100q, which PyPI does not know", s.GetPredicateType())
	}
	subjects := s.GetSubject()
	if len(subjects) != 1 {
		return fmt.Errorf("it is about %d files, and must be about one", len(subjects))
	}
	if name := subjects[0].GetName(); !sameFile(name, filename) {
		return fmt.Errorf("it is about another file, %.200q", name)
	}
	signed, err := lockkeeper.ParseDigest(subjects[0].GetDigest()["sha256"])
	if err != nil || signed != digest {
		return fmt.Errorf("it is about other bytes: it names the SHA-256 %.80q, the index %s", subjects[0].GetDigest()["sha256"], digest.Hex())
	}
	return nil
}
