package allowlist

import _ "embed"

// Template is an allowlist without entries that says in comments what one is for.
// It parses to the same as no file at all.
//
//go:embed template.toml
var Template string
