package html

import (
	"strconv"
	"strings"
)

// fileDiff is what changed in one file, in hunks of runs of lines.
type fileDiff struct {
	From, To string // paths; empty where the file is not there
	Note     string // stands in place of hunks: "binary file changed"
	Hunks    []hunk
	Added    int
	Removed  int
	Cut      string // says that lines are missing from here on
}

// Path is the file's name to be shown.
func (f fileDiff) Path() string {
	if f.To != "" {
		return f.To
	}
	return f.From
}

// New reports whether the file was not there before, Gone whether it is no more.
func (f fileDiff) New() bool  { return f.From == "" }
func (f fileDiff) Gone() bool { return f.To == "" }

type hunk struct {
	Old, New int // first lines
	Runs     []run
}

// run is a run of lines that are in both versions, or of lines that were taken out
// and what stands in their place.
type run struct {
	Same         []line
	Removed, New []line
}

// line of a diff, with its number in both versions, 0 where it is not there.
type line struct {
	Old, New int
	Text     string
	Spans    []span // highlighted; nil: Text alone
	NoEnd    bool   // no line end at the end of the file
}

// parseDiff reads a unified diff as buildcode.Diff makes it. Lines within a hunk are
// taken by the counts in its head, so that none of them passes for a head of its
// own. It is total: what it cannot read becomes a note.
func parseDiff(text string) []fileDiff {
	p := diffParser{lines: strings.Split(strings.TrimSuffix(text, "\n"), "\n")}
	if text == "" {
		return nil
	}
	for p.next < len(p.lines) {
		p.file()
	}
	return p.files
}

type diffParser struct {
	lines []string
	next  int
	files []fileDiff
}

func (p *diffParser) file() {
	from, isHead := strings.CutPrefix(p.lines[p.next], "--- ")
	if !isHead || p.next+1 >= len(p.lines) || !strings.HasPrefix(p.lines[p.next+1], "+++ ") {
		p.note(p.lines[p.next])
		p.next++
		return
	}
	p.files = append(p.files, fileDiff{From: unlabel(from, "a/"), To: unlabel(strings.TrimPrefix(p.lines[p.next+1], "+++ "), "b/")})
	p.next += 2
	for p.next < len(p.lines) && strings.HasPrefix(p.lines[p.next], "@@ -") {
		p.hunk(&p.files[len(p.files)-1])
	}
}

// note keeps a line outside of hunks. The last one may say that the diff was cut.
func (p *diffParser) note(text string) {
	if len(p.files) == 0 {
		p.files = append(p.files, fileDiff{})
	}
	f := &p.files[len(p.files)-1]
	switch {
	case strings.HasPrefix(text, "... "):
		f.Cut = strings.TrimPrefix(text, "... ")
	case f.Note == "":
		f.Note = text
	default:
		f.Note += "\n" + text
	}
}

// unlabel gives the path in a head, empty for /dev/null.
func unlabel(label, prefix string) string {
	if unquoted, err := strconv.Unquote(label); err == nil {
		label = unquoted
	}
	if label == "/dev/null" {
		return ""
	}
	return strings.TrimPrefix(label, prefix)
}

func (p *diffParser) hunk(f *fileDiff) {
	oldLine, oldCount, newLine, newCount, ok := hunkHead(p.lines[p.next])
	if !ok {
		p.note(p.lines[p.next])
		p.next++
		return
	}
	p.next++
	h := hunk{Old: oldLine, New: newLine}
	for p.next < len(p.lines) && (oldCount > 0 || newCount > 0) {
		text := p.lines[p.next]
		var kind byte
		if text != "" {
			kind = text[0]
		}
		switch {
		case kind == ' ' && oldCount > 0 && newCount > 0:
			h.same(line{Old: oldLine, New: newLine, Text: text[1:]})
			oldLine, newLine, oldCount, newCount = oldLine+1, newLine+1, oldCount-1, newCount-1
		case kind == '-' && oldCount > 0:
			h.change().Removed = append(h.change().Removed, line{Old: oldLine, Text: text[1:]})
			oldLine, oldCount = oldLine+1, oldCount-1
			f.Removed++
		case kind == '+' && newCount > 0:
			h.change().New = append(h.change().New, line{New: newLine, Text: text[1:]})
			newLine, newCount = newLine+1, newCount-1
			f.Added++
		case kind == '\\':
			h.noEnd()
		default: // cut off
			oldCount, newCount = 0, 0
			continue
		}
		p.next++
	}
	if p.next < len(p.lines) && strings.HasPrefix(p.lines[p.next], `\ `) {
		h.noEnd()
		p.next++
	}
	f.Hunks = append(f.Hunks, h)
}

// hunkHead reads "@@ -1,2 +3,4 @@".
func hunkHead(text string) (oldLine, oldCount, newLine, newCount int, ok bool) {
	fields := strings.Fields(text)
	if len(fields) < 4 || fields[3] != "@@" {
		return
	}
	oldLine, oldCount, okOld := lineRange(fields[1], "-")
	newLine, newCount, okNew := lineRange(fields[2], "+")
	return oldLine, oldCount, newLine, newCount, okOld && okNew
}

func lineRange(text, sign string) (first, count int, ok bool) {
	rest, found := strings.CutPrefix(text, sign)
	a, b, hasCount := strings.Cut(rest, ",")
	first, errFirst := strconv.Atoi(a)
	count = 1
	var errCount error
	if hasCount {
		count, errCount = strconv.Atoi(b)
	}
	const most = 1 << 30
	return first, count, found && errFirst == nil && errCount == nil && first >= 0 && count >= 0 && first < most && count < most
}

func (h *hunk) same(l line) {
	if n := len(h.Runs); n == 0 || len(h.Runs[n-1].Same) == 0 {
		h.Runs = append(h.Runs, run{})
	}
	last := &h.Runs[len(h.Runs)-1]
	last.Same = append(last.Same, l)
}

// change is the run of changed lines at the end.
func (h *hunk) change() *run {
	if n := len(h.Runs); n == 0 || len(h.Runs[n-1].Same) > 0 {
		h.Runs = append(h.Runs, run{})
	}
	return &h.Runs[len(h.Runs)-1]
}

// noEnd marks the line before.
func (h *hunk) noEnd() {
	if len(h.Runs) == 0 {
		return
	}
	last := &h.Runs[len(h.Runs)-1]
	for _, lines := range [][]line{last.New, last.Removed, last.Same} {
		if n := len(lines); n > 0 {
			lines[n-1].NoEnd = true
			return
		}
	}
}
