package report

import (
	"io"
	"math"
	"strings"

	"github.com/clipperhouse/displaywidth"
)

// fold breaks text between words into lines of at most width columns; a longer
// word has a line of its own.
func fold(text string, width int) []string {
	lines := foldAfter(0, text, width)
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// foldAfter is fold for text that begins at a column. The first line may be empty.
func foldAfter(column int, text string, width int) []string {
	lines := []string{""}
	for _, word := range strings.Fields(text) {
		line := &lines[len(lines)-1]
		used := columnsOf(*line)
		if len(lines) == 1 {
			used += column
		}
		switch {
		case used > 0 && used+1+columnsOf(word) > width:
			lines = append(lines, word)
		case *line == "":
			*line = word
		default:
			*line += " " + word
		}
	}
	return lines
}

// Fold breaks text, which is visible already, into lines of at most width columns; with
// a width of 0 and less it is one line.
func Fold(text string, width int) []string {
	if width <= 0 {
		return []string{text}
	}
	return broken(fold(text, width), width)
}

// layout sets rows of cells in columns that together have at most width, folding
// cells between words. Cells are made visible. Every row has as many cells as the
// first.
func layout(rows [][]string, width int) []string {
	columns := fit(rows, width)
	var lines []string
	for _, row := range rows {
		cells := make([][]string, len(row))
		height := 0
		for i, text := range row {
			cells[i] = Fold(visible(text, false), columns[i])
			height = max(height, len(cells[i]))
		}
		for at := range height {
			var b strings.Builder
			for i, cell := range cells {
				text := ""
				if at < len(cell) {
					text = cell[at]
				}
				b.WriteString(text)
				if i < len(cells)-1 {
					b.WriteString(strings.Repeat(" ", columns[i]-columnsOf(text)+gap))
				}
			}
			lines = append(lines, strings.TrimRight(b.String(), " "))
		}
	}
	return lines
}

// Table writes rows of cells, the first of them the heading, in columns that together
// have at most the width of o; with Width 0 a row is a line, however long. Text is
// made visible.
func Table(w io.Writer, rows [][]string, o TextOptions) error {
	if o.Width <= 0 {
		o.Width = math.MaxInt32
	}
	t := &textWriter{w: w, o: o}
	for i, line := range layout(rows, o.Width) {
		if i == 0 {
			line = t.style(Faint, line)
		}
		t.printf("%s\n", line)
	}
	return t.err
}

// gap between two columns.
const gap = 2

// fit gives each column its width: what its longest cell needs, and where that is
// too much together, less where that makes the fewest further lines.
func fit(rows [][]string, width int) []int {
	columns := make([]column, len(rows[0]))
	total := gap * (len(columns) - 1)
	for i := range columns {
		for _, row := range rows {
			columns[i].add(visible(row[i], false))
		}
		columns[i].width = min(columns[i].width, max(width, narrowest))
		total += columns[i].width
	}
	for ; total > width; total-- {
		best, least := -1, 0
		for i, c := range columns {
			if c.width <= narrowest {
				continue
			}
			price := c.lines(c.width-1) - c.lines(c.width)
			if best < 0 || price < least || price == least && c.width > columns[best].width {
				best, least = i, price
			}
		}
		if best < 0 {
			break
		}
		columns[best].width--
	}
	widths := make([]int, len(columns))
	for i, c := range columns {
		widths[i] = c.width
	}
	return widths
}

// narrowest is what a column keeps.
const narrowest = 6

// column of a table, as far as its width goes.
type column struct {
	width  int
	cells  []int // how long they are
	longer []int // and the longest word of each
}

func (c *column) add(text string) {
	n, longest := columnsOf(text), 0
	for _, word := range strings.Fields(text) {
		longest = max(longest, columnsOf(word))
	}
	c.cells, c.longer, c.width = append(c.cells, n), append(c.longer, longest), max(c.width, n)
}

// lines is about how many its cells take at a width. A word that is broken counts
// for two: it is hard to read, and to search for; a heading in two lines looks like two rows.
func (c column) lines(width int) int {
	n := 0
	for i, cell := range c.cells {
		n += (cell + width - 1) / width
		if c.longer[i] > width {
			n += 2
		}
		if i == 0 && cell > width { // the heading
			n += 4
		}
	}
	return n
}

// broken cuts lines that are still longer than width: single words without a space.
func broken(lines []string, width int) []string {
	var out []string
	for _, line := range lines {
		for columnsOf(line) > width {
			head := displaywidth.TruncateString(line, max(width, 2), "")
			if head == "" {
				break
			}
			out = append(out, head)
			line = line[len(head):]
		}
		out = append(out, line)
	}
	return out
}

// columnsOf is how many columns of a terminal a text takes: two for each ideograph.
func columnsOf(text string) int { return displaywidth.String(text) }
