package github

import (
	"strings"
	"unicode/utf8"
)

// maxText of a check run's summary or text: GitHub's limit of 65,535, which it
// counts in bytes.
const maxText = 65_535

const cutNote = "*Cut here: the rest does not fit into a check run. The details page has all of it.*"

// cutMarkdown shortens s to limit bytes, if it has to, at the end of a line or
// else of a rune, closes a code block left open, and says that it was cut.
func cutMarkdown(s string, limit int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= limit {
		return s
	}
	// A fence may be as long as a line; what follows a cut has room for a short one.
	const reserve = 64
	room := limit - len(cutNote) - 2*len("\n\n") - reserve
	cut := cutRunes(s, max(room, 0))
	// Not at the cost of more than half of it: a single long line is cut within.
	if i := strings.LastIndexByte(cut, '\n'); i > len(cut)/2 {
		cut = cut[:i]
	}
	fence := openFence(cut)
	for len(fence) >= reserve { // no room to close it: leave its block out
		cut = cut[:strings.LastIndex(cut, fence)]
		fence = openFence(cut)
	}
	if fence != "" {
		cut += "\n" + fence
	}
	return cut + "\n\n" + cutNote + "\n"
}

// openFence is the fence of the code block that s ends in, or "". Fences are
// those of CommonMark 4.5: three or more backticks or tildes, closed by at least
// as many of the same with nothing behind them.
func openFence(s string) string {
	open := ""
	for line := range strings.Lines(s) {
		line = strings.TrimRight(line, "\r\n")
		text := strings.TrimLeft(line, " ")
		if len(line)-len(text) > 3 || text == "" || (text[0] != '`' && text[0] != '~') {
			continue
		}
		run := text[:len(text)-len(strings.TrimLeft(text, text[:1]))]
		rest := text[len(run):]
		switch {
		case len(run) < 3:
		case open == "" && (run[0] == '~' || !strings.Contains(rest, "`")):
			open = run
		case open != "" && run[0] == open[0] && len(run) >= len(open) && strings.TrimSpace(rest) == "":
			open = ""
		}
	}
	return open
}

// cutRunes is the longest prefix of s of at most limit bytes that ends between
// two runes.
func cutRunes(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}
