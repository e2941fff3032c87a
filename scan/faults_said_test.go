package scan_test

import "maps"

// answers is what a scan must say, by endpoint and fault: parts of its one finding, none
// where it must find nothing, nil for faults that do not apply. Under "" stand those
// of every endpoint that has no own.
var answers = map[string]map[string][]string{
	"": {
		"slow, in time": {}, "429, then well": {}, "503, then well": {},
		"silent":          {"unverified: could not be ", "no progress within the timeout", scanAgain},
		"cut":             {"unverified: could not be ", "after 5 attempts", "connection cut", scanAgain},
		"partly":          {"unverified: could not be ", "after 5 attempts", "unexpected EOF", scanAgain},
		"no JSON":         {"unverified: could not be ", "invalid character '<'", scanAgain},
		"another JSON":    {"unverified: could not be ", "is missing", scanAgain},
		"empty":           {"unverified: could not be ", "unexpected end of JSON input", scanAgain},
		"403":             {"unverified: could not be ", "answered 403 Forbidden", scanAgain},
		"404":             {"unverified: could not be ", "answered 404 Not Found", scanAgain},
		"429 for an hour": {"unverified: could not be ", "429 Too Many Requests; it asks to wait 1h0m0s", scanAgain},
		"500":             {"unverified: could not be ", "after 5 attempts", "answered 500 Internal Server Error", scanAgain},
	},
	"index": {
		"another JSON": {"unverified: could not be looked up", `name "" is not the crate that was asked for`, scanAgain},
		"another's":    {"unverified: could not be looked up", `name "other" is not the crate that was asked for`, scanAgain},
		"empty":        {"unverified: could not be looked up", "the file is empty", scanAgain},
		// The index is a bucket, which answers 403 for what it does not have.
		"403": {"release-missing: is not in the registry", "answered 403 Forbidden", "find out which"},
		"404": {"release-missing: is not in the registry", "answered 404 Not Found", "find out which"},
	},
	"versions": {
		"another's": {"unverified: could not be attributed to a publisher", `the crate "other", which is not the one`, scanAgain},
	},
	"crate owners": {
		"another's": nil, // the answer names no crate
		"404":       {"unverified: could not be asked for its owners", "tells nothing of its owners, as it did until 2012-05-30", scanAgain},
	},
	"archive": wrongCrate,
	"simple": {
		"no JSON":      {"unverified: could not be looked up", "links to no file of the project", scanAgain},
		"another JSON": {"unverified: could not be looked up", `name "" is not the project that was asked for`, scanAgain},
		"another's":    {"unverified: could not be looked up", `name "other" is not the project that was asked for`, scanAgain},
		"404":          {"release-missing: is not in the registry", "answered 404 Not Found", "find out which"},
	},
	"json": {
		"another JSON": {"unverified: could not be asked for its owners", "tells nothing of its owners, as it did until 2012-05-30", scanAgain},
		"another's":    {"unverified: could not be asked for its owners", `name "other" is not the project that was asked for`, scanAgain},
		"404":          {"unverified: could not be asked for its owners", "tells nothing of its owners, as it did until 2012-05-30", scanAgain},
	},
	"integrity": {
		"no JSON":      {"unverified: has provenance that could not be verified", "it cannot be read", "with each scan"},
		"another JSON": {"unverified: has provenance that could not be verified", `"attestation_bundles" is missing`, "with each scan"},
		"another's":    {"unverified: has provenance that could not be verified", "it is about another file", "with each scan"},
		"empty":        {"unverified: has provenance that could not be verified", "it cannot be read", "with each scan"},
		// Announced and not there: there is none.
		"404": {"publisher-downgraded: was published by somebody unknown, without the provenance that 1.0 had"},
	},
	"file": wrongFile,
}

const scanAgain = "scan again when the registry answers"

// noFile is said where the registry lists a file that it does not have.
var noFile = []string{"unverified: could not be analysed", "not found in the registry: ", "lists the release and does not have this file", "again true"}

// wrongFile is what is said where an archive is served with other bytes. A proxy may
// do so for a while, so that it is fetched again.
var wrongFile = map[string][]string{
	"no JSON": otherBytes, "another JSON": otherBytes, "another's": otherBytes, "empty": otherBytes, "wrong bytes": otherBytes, "404": noFile,
}

// wrongCrate: object storage answers 403 for what it does not have.
var wrongCrate = func() map[string][]string {
	all := maps.Clone(wrongFile)
	all["403"] = noFile
	return all
}()

var otherBytes = []string{"checksum-mismatch: is served with other content than its checksum says", "bytes do not match the digest", "again true"}
