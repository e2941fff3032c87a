package provenancetest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"slices"
	"time"
)

// logged is the signature log's entry (rekor: types/dsse/v0.0.1), with its promise
// and with the proof that it is the second of two in a tree.
func (s *Sigstore) logged(wrong Wrong, at time.Time, statement, signature, certificate []byte) (map[string]any, error) {
	hash := func(data []byte) map[string]string {
		sum := sha256.Sum256(data)
		return map[string]string{"algorithm": "sha256", "value": hex.EncodeToString(sum[:])}
	}
	body := encode(map[string]any{
		"apiVersion": "0.0.1", "kind": "dsse",
		"spec": map[string]any{
			"envelopeHash": hash(slices.Concat(statement, signature)), "payloadHash": hash(statement),
			"signatures": []any{map[string]any{
				"signature": base64.StdEncoding.EncodeToString(signature),
				"verifier":  pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}),
			}},
		},
	})
	const index = 1
	promise, err := s.promise(wrong, body, at, index)
	if err != nil {
		return nil, err
	}
	// RFC 6962, section 2.1: leaves and nodes are hashed apart.
	leaf := sha256.Sum256(append([]byte{0}, body...))
	first := sha256.Sum256([]byte{0})
	root := sha256.Sum256(append(append([]byte{1}, first[:]...), leaf[:]...))
	if wrong == Proof {
		first[0]++
	}
	checkpoint, err := s.checkpoint(index+1, root[:])
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"logIndex": fmt.Sprint(index), "logId": map[string]any{"keyId": s.signatureLog.id[:]},
		"kindVersion": map[string]string{"kind": "dsse", "version": "0.0.1"}, "integratedTime": fmt.Sprint(at.Unix()),
		"inclusionPromise": map[string]any{"signedEntryTimestamp": promise},
		"inclusionProof": map[string]any{
			"logIndex": fmt.Sprint(index), "treeSize": fmt.Sprint(index + 1), "rootHash": root[:], "hashes": []any{first[:]},
			"checkpoint": map[string]string{"envelope": checkpoint},
		},
		"canonicalizedBody": body,
	}, nil
}

// promise is the log's word that it has the entry since then.
func (s *Sigstore) promise(wrong Wrong, body []byte, at time.Time, index int) ([]byte, error) {
	key := s.signatureLog.key
	if wrong == Promise {
		var err error
		if key, err = newKey(); err != nil {
			return nil, err
		}
	}
	return sign(key, encode(map[string]any{
		"body": body, "integratedTime": at.Unix(), "logID": hex.EncodeToString(s.signatureLog.id[:]), "logIndex": index,
	}))
}

// checkpoint is the log's signed word on the whole tree (C2SP: tlog-checkpoint).
func (s *Sigstore) checkpoint(size int, root []byte) (string, error) {
	const origin = "log.example.invalid"
	text := fmt.Sprintf("%s - 1\n%d\n%s\n", origin, size, base64.StdEncoding.EncodeToString(root))
	signature, err := sign(s.signatureLog.key, []byte(text))
	if err != nil {
		return "", err
	}
	signature = append(s.signatureLog.id[:4:4], signature...) // tells which key it is
	return fmt.Sprintf("%s\n\u2014 %s %s\n", text, origin, base64.StdEncoding.EncodeToString(signature)), nil
}
