package allowlist

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Format writes e as one [[allow]] block, keys aligned, ending in a newline.
// Text that comes from people or packages is escaped so that it can neither end
// its string nor hide itself from the reader of a diff. Line is not written.
func Format(e Entry) string {
	var b strings.Builder
	b.WriteString("[[allow]]\n")
	line := func(key, value string) { fmt.Fprintf(&b, "%-13s = %s\n", key, value) }
	text := func(key, value string) {
		if value != "" {
			line(key, quote(value))
		}
	}
	text("package", e.Package)
	text("versions", e.Versions)
	if e.May != nil {
		line("may", array(e.May))
	}
	text("build-code", string(e.BuildCode))
	if len(e.Publishers) > 0 {
		names := make([]string, len(e.Publishers))
		for i, p := range e.Publishers {
			names[i] = p.String()
		}
		line("publishers", array(names))
	}
	if len(e.Rules) > 0 {
		line("rules", array(e.Rules))
	}
	if e.Any {
		line("any", "true")
	}
	text("reason", e.Reason)
	text("signed-off-by", e.SignedOffBy)
	text("signed-off-in", e.SignedOffIn)
	if !e.Expires.IsZero() {
		line("expires", e.Expires.Format(time.DateOnly))
	}
	return b.String()
}

// Append returns file with the entries added at its end. Every byte of file
// stays as it is, and its line endings are kept. Entries that an entry of file
// already equals (see Entry.Same) are left out.
//
// It is an error if file does not parse, if an entry could not be read back just
// as it was given, or if one has no condition and so would admit nothing.
func Append(file []byte, entries ...Entry) ([]byte, error) {
	old, err := Parse(Path, file, nil)
	if err != nil {
		return nil, fmt.Errorf("add to the allowlist: %w", err)
	}
	all := slices.Clone(old.Entries)
	var added strings.Builder
	for _, e := range entries {
		if e.idle() {
			return nil, fmt.Errorf("add %s to the allowlist: no condition could be named that would admit it; sign it off each time instead", e.Package)
		}
		if slices.ContainsFunc(all, e.Same) {
			continue
		}
		if added.Len() > 0 {
			added.WriteByte('\n')
		}
		added.WriteString(Format(e))
		all = append(all, e)
	}
	if added.Len() == 0 {
		return bytes.Clone(file), nil
	}
	result := join(file, added.String())
	// What was written must read back as what was meant, whatever the entries hold.
	parsed, err := Parse(Path, result, nil)
	if err != nil {
		return nil, fmt.Errorf("add to the allowlist: %w", err)
	}
	if len(parsed.Entries) != len(all) {
		return nil, fmt.Errorf("add to the allowlist: %d entries read back instead of %d", len(parsed.Entries), len(all))
	}
	for i := range all {
		if !parsed.Entries[i].Same(all[i]) {
			return nil, fmt.Errorf("add %s to the allowlist: the entry does not read back as it was given", all[i].Package)
		}
	}
	return result, nil
}

// join puts added behind file with one empty line between them, in the line
// endings of file.
func join(file []byte, added string) []byte {
	newline := "\n"
	if i := bytes.IndexByte(file, '\n'); i > 0 && file[i-1] == '\r' {
		newline = "\r\n"
		added = strings.ReplaceAll(added, "\n", newline)
	}
	result := bytes.Clone(file)
	if trimmed := bytes.TrimPrefix(file, []byte("\ufeff")); len(trimmed) > 0 {
		if !bytes.HasSuffix(file, []byte("\n")) {
			result = append(result, newline...)
		}
		if !bytes.HasSuffix(result, []byte(newline+newline)) && len(bytes.TrimSpace(trimmed)) > 0 {
			result = append(result, newline...)
		}
	}
	return append(result, added...)
}

func array[T ~string](values []T) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = quote(string(v))
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// quote writes s as a TOML basic string (TOML 1.0, section String). Beyond what
// TOML asks for it escapes everything invisible: line breaks of any script and
// the marks that turn the direction of text, with which a reason could show a
// reviewer other lines than the parser reads.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range strings.ToValidUTF8(s, string(utf8.RuneError)) {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == ' ' || unicode.IsGraphic(r) && !unicode.Is(unicode.Zs, r):
			b.WriteRune(r)
		case r > 0xFFFF:
			b.WriteString(`\U` + fmt.Sprintf("%08X", r))
		default:
			b.WriteString(`\u` + fmt.Sprintf("%04X", r))
		}
	}
	b.WriteByte('"')
	return b.String()
}
