// Package archive reads the files that registries serve: .crate and sdist
// (tar.gz, zip), wheel (zip). Every archive is hostile: sizes, entries, path
// depth and expansion are bounded, names are checked, and the digest is verified
// before the first byte is parsed. Nothing is written to disk and nothing is run.
package archive
