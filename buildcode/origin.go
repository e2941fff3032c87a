package buildcode

import "strings"

// Origin is what an artifact says about the repository that it was made from.
// Nobody vouches for it: everything in it is hostile text until it was compared.
type Origin struct {
	// Addresses of repositories and pages, the likeliest repository first.
	Addresses []string `json:"addresses,omitempty"`
	// Commit is a full id in lower case; empty where the artifact names none.
	Commit string `json:"commit,omitempty"`
	// Dirty: made from a working copy with changes that are in no commit.
	Dirty bool `json:"dirty,omitempty"`
	// Path of the package's directory in the repository, "" for its root. HasPath
	// tells that from an artifact that does not say.
	Path    string `json:"path,omitempty"`
	HasPath bool   `json:"has-path,omitempty"`
}

const (
	// maxAddress bounds one address, in bytes: a longer one is none.
	maxAddress = 500
	// maxAddresses bounds Origin.Addresses.
	maxAddresses = 20
)

// AddAddress notes an address unless it is none, or known, or there are many.
func (o *Origin) AddAddress(address string) {
	address = strings.TrimSpace(address)
	if address == "" || len(address) > maxAddress || len(o.Addresses) == maxAddresses {
		return
	}
	address = strings.ToValidUTF8(address, "\uFFFD")
	for _, known := range o.Addresses {
		if known == address {
			return
		}
	}
	o.Addresses = append(o.Addresses, address)
}

// OrNil is o, or nil if it says nothing.
func (o *Origin) OrNil() *Origin {
	if len(o.Addresses) == 0 && o.Commit == "" && !o.Dirty {
		return nil
	}
	return o
}
