package guard

import "strings"

// rule says why settings count.
type rule struct {
	// keys are patterns, separated by spaces, of dotted keys. "*" is any part, and
	// "x*" any that starts with x. A pattern fits what lies below it, too.
	keys string
	why  string // empty: harmless
	// whole: a table of exactly such a key is one setting, not one for each key in it.
	whole bool
	// named: the last part is a name that somebody gave a package.
	named bool
	// secret: the value is one, whatever its key is called.
	secret bool

	patterns [][]string
}

// compile reads the patterns of rules. The first rule that fits a key decides.
func compile(lists ...[]rule) []rule {
	var all []rule
	for _, list := range lists {
		for _, r := range list {
			for _, keys := range strings.Fields(r.keys) {
				r.patterns = append(r.patterns, strings.Split(keys, "."))
			}
			all = append(all, r)
		}
	}
	return all
}

// below are rules for the same keys inside the table at prefix.
func below(prefix string, rules []rule) []rule {
	inner := make([]rule, len(rules))
	for i, r := range rules {
		keys := strings.Fields(r.keys)
		for j := range keys {
			keys[j] = prefix + "." + keys[j]
		}
		inner[i] = r
		inner[i].keys = strings.Join(keys, " ")
	}
	return inner
}

// match is what the rules say of one key.
type match struct {
	why           string // empty: it does not count
	unit          bool   // the key is of one setting, even where it holds a table
	named, secret bool
}

func (k *kind) match(at []string) match {
	for i := range k.rules {
		r := &k.rules[i]
		for _, pattern := range r.patterns {
			if len(pattern) <= len(at) && fits(pattern, at) {
				return match{why: r.why, unit: r.whole && len(pattern) == len(at), named: r.named, secret: r.secret}
			}
		}
	}
	return match{why: k.otherwise}
}

// reaches reports whether anything at or below a key may count.
func (k *kind) reaches(at []string) bool {
	if k.otherwise != "" {
		return true
	}
	for i := range k.rules {
		for _, pattern := range k.rules[i].patterns {
			if k.rules[i].why != "" && fits(pattern, at) {
				return true
			}
		}
	}
	return false
}

// fits compares as many parts as both have.
func fits(pattern, at []string) bool {
	for i := range min(len(pattern), len(at)) {
		start, open := strings.CutSuffix(pattern[i], "*")
		if start != at[i] && !(open && strings.HasPrefix(at[i], start)) {
			return false
		}
	}
	return true
}
