package python

import (
	"fmt"
	"regexp"
	"strings"
)

// config is a file as Python's configparser reads it: values by section and
// option. Options are in lower case with underscores, as setuptools takes them.
type config map[string]map[string]string

var (
	sectionLine = regexp.MustCompile(`^\[(.+)\]`)
	optionLine  = regexp.MustCompile(`(?s)^(.*?)\s*[=:]\s*(.*)$`)
)

// parseConfig reads setup.cfg by the rules of CPython's Lib/configparser.py
// (RawConfigParser._read, strict): full-line comments by # and ;, no inline ones,
// lines indented deeper than their option continue it, blank lines included.
func parseConfig(data []byte) (config, error) {
	text := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.TrimPrefix(string(data), "\ufeff"))
	out := make(config)
	var section map[string]string
	option, indent, number := "", 0, 0
	var value strings.Builder // of option
	end := func() {
		if section != nil && option != "" {
			section[option] = value.String()
		}
		value.Reset()
	}
	for line := range strings.SplitSeq(text, "\n") {
		number++
		text := strings.TrimSpace(line)
		if strings.HasPrefix(text, "#") || strings.HasPrefix(text, ";") {
			continue
		}
		if text == "" {
			value.WriteByte('\n')
			continue
		}
		depth := len(line) - len(strings.TrimLeft(line, " \t\f\v"))
		if section != nil && option != "" && depth > indent {
			value.WriteString("\n" + text)
			continue
		}
		indent = depth
		end()
		option = ""
		if m := sectionLine.FindStringSubmatch(text); m != nil {
			if out[m[1]] == nil {
				out[m[1]] = make(map[string]string)
			} else if m[1] != "DEFAULT" {
				return out, fmt.Errorf("line %d: section %q again", number, clip(m[1], 60))
			}
			section = out[m[1]]
			continue
		}
		if section == nil {
			return out, fmt.Errorf("line %d: no section header before it", number)
		}
		m := optionLine.FindStringSubmatch(text)
		if m == nil || m[1] == "" {
			return out, fmt.Errorf("line %d: neither a section nor an option", number)
		}
		option = strings.ReplaceAll(strings.ToLower(m[1]), "-", "_")
		value.WriteString(m[2])
	}
	end()
	for name, value := range out["DEFAULT"] {
		for _, section := range out {
			if _, found := section[name]; !found {
				section[name] = value
			}
		}
	}
	return out, nil
}

// list splits a value at line ends, or at commas if it is one line, as
// setuptools does.
func configList(value string) []string {
	var out []string
	split := func(r rune) bool { return r == '\n' }
	if !strings.Contains(value, "\n") {
		split = func(r rune) bool { return r == ',' }
	}
	for part := range strings.FieldsFuncSeq(value, split) {
		if part = strings.TrimSpace(part); part != "" && !strings.HasPrefix(part, "#") {
			out = append(out, part)
		}
	}
	return out
}

// configPairs reads "name = value" lines, the form of cmdclass and package_dir.
func configPairs(value string) map[string]string {
	out := make(map[string]string)
	for _, part := range configList(value) {
		if name, target, found := strings.Cut(part, "="); found {
			out[strings.TrimSpace(name)] = strings.TrimSpace(target)
		}
	}
	return out
}
