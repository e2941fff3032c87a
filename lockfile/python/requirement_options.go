package python

import (
	"errors"
	"fmt"
	"strings"
)

// option is one option with its canonical long name.
type option struct {
	name, value string
	takesValue  bool
}

func (o option) String() string {
	if !o.takesValue {
		return o.name
	}
	return o.name + " " + o.value
}

// optionForms are the options that pip reads, and once read, in requirements files
// (SUPPORTED_OPTIONS and SUPPORTED_OPTIONS_REQ), by canonical name.
var optionForms = []struct {
	name       string
	forms      []string
	takesValue bool
}{
	{"--index-url", []string{"-i", "--index-url", "--pypi-url"}, true},
	{"--extra-index-url", []string{"--extra-index-url"}, true},
	{"--no-index", []string{"--no-index"}, false},
	{"--constraint", []string{"-c", "--constraint"}, true},
	{"--requirement", []string{"-r", "--requirement"}, true},
	{"--editable", []string{"-e", "--editable"}, true},
	{"--find-links", []string{"-f", "--find-links"}, true},
	{"--no-binary", []string{"--no-binary"}, true},
	{"--only-binary", []string{"--only-binary"}, true},
	{"--prefer-binary", []string{"--prefer-binary"}, false},
	{"--require-hashes", []string{"--require-hashes"}, false},
	{"--pre", []string{"--pre"}, false},
	{"--all-releases", []string{"--all-releases"}, true},
	{"--only-final", []string{"--only-final"}, true},
	{"--trusted-host", []string{"--trusted-host"}, true},
	{"--use-feature", []string{"--use-feature"}, true},
	{"--hash", []string{"--hash"}, true},
	{"--config-settings", []string{"-C", "--config-setting", "--config-settings"}, true},
	{"--global-option", []string{"--global-option"}, true},
}

// parseOptions reads words as optparse does: "--name value", "--name=value",
// unambiguous beginnings of long names, "-x value", "-xvalue".
func parseOptions(words []string) ([]option, error) {
	var options []option
	for i := 0; i < len(words); i++ {
		word := words[i]
		if word == "--" || word == "-" || !strings.HasPrefix(word, "-") {
			return nil, fmt.Errorf("%.200q stands among options, where pip would ignore it", word)
		}
		var o option
		var hasValue bool
		var err error
		if strings.HasPrefix(word, "--") {
			var form string
			form, o.value, hasValue = strings.Cut(word, "=")
			o.name, o.takesValue, err = longOption(form)
		} else {
			o.name, o.takesValue, err = exactOption(word[:2])
			o.value, hasValue = word[2:], len(word) > 2
		}
		switch {
		case err != nil:
			return nil, err
		case hasValue && !o.takesValue:
			return nil, fmt.Errorf("option %s takes no value", o.name)
		case o.takesValue && !hasValue && i+1 == len(words):
			return nil, fmt.Errorf("option %s without its value", o.name)
		case o.takesValue && !hasValue:
			i++
			o.value = words[i]
		}
		if o.takesValue && o.value == "" {
			return nil, fmt.Errorf("option %s with an empty value", o.name)
		}
		if err := checkText(o.value, maxURL); err != nil {
			return nil, fmt.Errorf("option %s: %w", o.name, err)
		}
		options = append(options, o)
	}
	return options, nil
}

var errUnknownOption = errors.New("unknown option: what it does cannot be judged")

func exactOption(form string) (name string, takesValue bool, err error) {
	for _, known := range optionForms {
		for _, f := range known.forms {
			if f == form {
				return known.name, known.takesValue, nil
			}
		}
	}
	return "", false, fmt.Errorf("%.80q: %w", form, errUnknownOption)
}

func longOption(form string) (name string, takesValue bool, err error) {
	if name, takesValue, err = exactOption(form); err == nil {
		return name, takesValue, nil
	}
	for _, known := range optionForms {
		for _, f := range known.forms {
			if !strings.HasPrefix(f, form) {
				continue
			}
			if name != "" && name != known.name {
				return "", false, fmt.Errorf("option %.80q could be %s or %s: write it out", form, name, known.name)
			}
			name, takesValue, err = known.name, known.takesValue, nil
		}
	}
	if name == "" {
		return "", false, fmt.Errorf("%.80q: %w", form, errUnknownOption)
	}
	return name, takesValue, err
}
