package report

import (
	"io"
	"regexp"
	"strings"
)

// Page writes a page of the documentation for a terminal: headings, paragraphs
// folded to the width, lists, tables and code as they are. It knows the Markdown that
// those pages are written in and no more.
func Page(w io.Writer, markdown string, o TextOptions) error {
	if o.Width <= 0 {
		o.Width = 100
	}
	t := &textWriter{w: w, o: o}
	for i, block := range blocks(markdown) {
		if i > 0 {
			t.printf("\n")
		}
		t.block(block)
	}
	return t.err
}

// blocks are the parts of a page between empty lines; code is one block.
func blocks(markdown string) [][]string {
	var all [][]string
	var block []string
	flush := func() {
		if len(block) > 0 {
			all = append(all, block)
		}
		block = nil
	}
	code := false
	for line := range strings.Lines(markdown) {
		line = strings.TrimRight(line, "\n")
		fence := strings.HasPrefix(line, "```")
		switch {
		case fence && !code:
			flush()
			block, code = []string{line}, true
		case fence:
			flush()
			code = false
		case line == "" && !code:
			flush()
		default:
			block = append(block, line)
		}
	}
	flush()
	return all
}

func (t *textWriter) block(lines []string) {
	switch first := lines[0]; {
	case strings.HasPrefix(first, "```"):
		for _, line := range lines[1:] {
			t.printf("    %s\n", line)
		}
	case strings.HasPrefix(first, "#"):
		t.printf("%s\n", t.style(Strong, plain(strings.TrimLeft(first, "# "))))
	case strings.HasPrefix(first, "|"):
		t.markdownTable(lines)
	default:
		t.folded("", plain(strings.Join(lines, " ")))
	}
}

func (t *textWriter) markdownTable(lines []string) {
	var rows [][]string
	for _, line := range lines {
		if strings.Trim(line, "|- ") == "" {
			continue
		}
		cells := strings.Split(strings.Trim(line, "| "), "|")
		for i := range cells {
			cells[i] = plain(strings.TrimSpace(cells[i]))
		}
		for len(rows) > 0 && len(cells) < len(rows[0]) {
			cells = append(cells, "")
		}
		rows = append(rows, cells)
	}
	for i, line := range layout(rows, t.o.Width) {
		if i == 0 {
			line = t.style(Faint, line)
		}
		t.printf("%s\n", line)
	}
}

var (
	link = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	// neighbour is a link to another page of docs/rules.
	neighbour = regexp.MustCompile(`\]\(([a-z-]+)\.md`)
)

// plain is a line of Markdown without the marks of code and links.
func plain(text string) string {
	return strings.ReplaceAll(link.ReplaceAllString(text, "$1"), "`", "")
}
