package python

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf16"

	"github.com/lockkeeper/lockkeeper/lockfile"
)

// decode turns a requirements file into UTF-8 by pip's rules: a byte order mark,
// else a PEP 263 line among the first two, else UTF-8. Encodings other than
// UTF-8, UTF-16, ASCII and Latin-1 are errors.
func decode(data []byte) ([]byte, error) {
	switch {
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		return data[3:], nil
	case bytes.HasPrefix(data, []byte("\x00\x00\xfe\xff")), bytes.HasPrefix(data, []byte("\xff\xfe\x00\x00")):
		return nil, errors.New("UTF-32 text: save the file as UTF-8")
	case bytes.HasPrefix(data, []byte("\xfe\xff")):
		return decodeUTF16(data[2:], binary.BigEndian)
	case bytes.HasPrefix(data, []byte("\xff\xfe")):
		return decodeUTF16(data[2:], binary.LittleEndian)
	}
	for i, line := range bytes.SplitN(data, []byte("\n"), 3) {
		if i > 1 || len(line) == 0 || line[0] != '#' {
			continue
		}
		if m := coding.FindSubmatch(line); m != nil {
			return decodeNamed(data, string(m[1]))
		}
	}
	return data, nil
}

var coding = regexp.MustCompile(`coding[:=]\s*([-\w.]+)`)

func decodeNamed(data []byte, name string) ([]byte, error) {
	switch strings.NewReplacer("_", "-", " ", "-").Replace(strings.ToLower(name)) {
	case "utf-8", "utf8", "u8", "utf-8-sig", "ascii", "us-ascii":
		return data, nil
	case "latin-1", "latin1", "iso-8859-1", "iso8859-1", "l1":
		out := make([]byte, 0, len(data)+len(data)/8)
		for _, b := range data {
			out = append(out, string(rune(b))...)
		}
		return out, nil
	}
	return nil, fmt.Errorf("text in encoding %.40q: save the file as UTF-8", name)
}

func decodeUTF16(data []byte, order binary.ByteOrder) ([]byte, error) {
	if len(data)%2 != 0 {
		return nil, errors.New("UTF-16 text ends within a character")
	}
	units := make([]uint16, len(data)/2)
	for i := range units {
		units[i] = order.Uint16(data[2*i:])
	}
	return []byte(string(utf16.Decode(units))), nil
}

// logicalLine is what pip reads as one line.
type logicalLine struct {
	text   string
	number int // of its first physical line, as editors count
}

// logicalLines joins lines that end in a backslash, cuts comments and drops what
// is then empty, as join_lines and ignore_comments do. A comment behind other text
// that ends in a backslash is an error: to pip the next line is part of it, to uv a
// line of its own. Any error is a *lockfile.Error.
func logicalLines(path, text string) ([]logicalLine, error) {
	lines := make([]logicalLine, 0, min(strings.Count(text, "\n")+1, maxLines))
	emit := func(s string, number int) {
		if s = strings.TrimFunc(cutComment(s), isBlank); s != "" {
			lines = append(lines, logicalLine{s, number})
		}
	}
	var joined strings.Builder
	first := 0 // line at which joining began; 0 while not joining
	for number := 1; text != ""; {
		if len(lines) > maxLines {
			return nil, &lockfile.Error{Path: path, Err: fmt.Errorf("more than %d lines", maxLines)}
		}
		line, rest, newlines := cutLine(text)
		isComment := startsComment(line)
		switch {
		case strings.HasSuffix(line, `\`) && !isComment && cutComment(line) != line:
			return nil, &lockfile.Error{Path: path, Line: number, Err: errors.New("a comment ends in a backslash: not all installers take the next line for a part of it")}
		case strings.HasSuffix(line, `\`) && !isComment:
			if first == 0 {
				first = number
			}
			joined.WriteString(strings.Trim(line, `\`))
		case first > 0:
			if isComment {
				// A blank keeps the comment a comment once it is appended.
				joined.WriteByte(' ')
			}
			joined.WriteString(line)
			emit(joined.String(), first)
			joined.Reset()
			first = 0
		default:
			emit(line, number)
		}
		text = rest
		number += newlines
	}
	if first > 0 {
		emit(joined.String(), first)
	}
	return lines, nil
}

// cutLine ends a line wherever Python's str.splitlines does. A file could
// otherwise hide a requirement behind a separator that only pip honours. It
// returns how many newlines an editor would count.
func cutLine(s string) (line, rest string, newlines int) {
	i := strings.IndexAny(s, "\n\r\v\f\x1c\x1d\x1e\u0085\u2028\u2029")
	if i < 0 {
		return s, "", 0
	}
	line = s[:i]
	switch {
	case s[i] == '\n':
		return line, s[i+1:], 1
	case strings.HasPrefix(s[i:], "\r\n"):
		return line, s[i+2:], 1
	case s[i] < 0x80:
		return line, s[i+1:], 0
	case s[i] == 0xc2: // U+0085
		return line, s[i+2:], 0
	default:
		return line, s[i+3:], 0
	}
}

func startsComment(line string) bool {
	return strings.HasPrefix(strings.TrimLeftFunc(line, isBlank), "#")
}

// cutComment removes `(^|\s+)#.*$`: a "#" within a word, as in an address, is none.
func cutComment(s string) string {
	afterBlank := true
	for i, r := range s {
		if r == '#' && afterBlank {
			return s[:i]
		}
		afterBlank = isBlank(r)
	}
	return s
}

// splitOptions is pip's break_args_options: options begin at the first word, by
// single spaces, that starts with "-".
func splitOptions(s string) (requirement, options string) {
	if strings.HasPrefix(s, "-") {
		return "", s
	}
	if i := strings.Index(s, " -"); i >= 0 {
		return strings.TrimFunc(s[:i], isBlank), s[i+1:]
	}
	return s, ""
}

// splitWords is Python's shlex.split for POSIX: blanks separate, quotes and
// backslashes protect.
func splitWords(s string) ([]string, error) {
	var words []string
	var word strings.Builder
	inWord := false
	var quote byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote == '\'', quote == '"' && c != '\\':
			word.WriteByte(c)
		case quote == '"': // a backslash, which protects only quotes and itself
			i++
			if i == len(s) {
				return nil, errors.New("nothing after a backslash")
			}
			if s[i] != '"' && s[i] != '\\' {
				word.WriteByte('\\')
			}
			word.WriteByte(s[i])
		case c == '\\':
			i++
			if i == len(s) {
				return nil, errors.New("nothing after a backslash")
			}
			inWord = true
			word.WriteByte(s[i])
		case c == '\'' || c == '"':
			inWord, quote = true, c
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			if inWord {
				words = append(words, word.String())
				word.Reset()
				inWord = false
			}
		default:
			inWord = true
			word.WriteByte(c)
		}
	}
	if quote != 0 {
		return nil, errors.New("a quote is not closed")
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}
