package guard

import (
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	maxText = 200 // characters of Setting.Text
	hidden  = "***"
)

// keyText writes a key; false where it is too long to be kept.
func keyText(at []string, element int) (string, bool) {
	var b strings.Builder
	for i, part := range at {
		if len(part) > maxKey || b.Len() > maxKey {
			return "", false
		}
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(plainOrQuoted(part))
	}
	if element >= 0 {
		b.WriteString("[" + strconv.Itoa(element) + "]")
	}
	return b.String(), b.Len() <= maxKey
}

func plainOrQuoted(part string) string {
	for i := range len(part) {
		c := part[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
			return strconv.Quote(part)
		}
	}
	if part == "" {
		return `""`
	}
	return part
}

// userinfo is what stands before the host of an address, and before that of a proxy
// without a scheme. It ends where any reader of addresses ends it, a backslash
// included: what only some take for a password is the host to others, and is shown.
var userinfo = regexp.MustCompile(`((?i:https?|ftp|ssh|svn|file):[/\\]*|//)[^/?#\\\s]*@|^()[^/?#\\\s:@]+:[^/?#\\\s]*@`)

// quoted is a string for people: without secrets of addresses, on one line.
func quoted(s string) string {
	if strings.Contains(s, "@") {
		s = userinfo.ReplaceAllString(s, "${1}"+hidden+"@")
	}
	return strconv.Quote(s)
}

// plain is a number or date, quoted if it holds what those do not.
func plain(s string) string {
	if q := strconv.Quote(s); len(q) != len(s)+2 {
		return q
	}
	return s
}

// cut shortens s to maxText characters.
func cut(s string) string {
	if len(s) <= maxText || utf8.RuneCountInString(s) <= maxText {
		return s
	}
	n := 0
	for i := range s {
		if n == maxText-1 {
			return s[:i] + "…"
		}
		n++
	}
	return s
}

// secretWords are parts of the names of settings whose values are secrets.
var secretWords = map[string]bool{
	"password": true, "passwd": true, "passphrase": true, "token": true, "secret": true, "apikey": true,
}

// namesSecret reports whether a key is called after a secret: "password",
// "UV_PUBLISH_TOKEN", "api-key".
func namesSecret(key string) bool {
	words := strings.FieldsFunc(strings.ToLower(key), func(r rune) bool { return r == '-' || r == '_' || r == '.' })
	for i, word := range words {
		if secretWords[word] || word == "key" && i > 0 && (words[i-1] == "api" || words[i-1] == "secret" || words[i-1] == "access") {
			return true
		}
	}
	return false
}
