package html

import (
	"path"
	"strings"
	"time"

	"github.com/alecthomas/chroma/v2"
	"github.com/alecthomas/chroma/v2/lexers"

	"github.com/lockkeeper/lockkeeper/report"
)

// span is a piece of a line in one colour.
type span struct {
	Class string // empty: plain
	Text  string
}

// highlighter colours code within bounds of time and size: the code is hostile, and
// the lexers are regular expressions that can be made to run long.
type highlighter struct {
	bytes int       // left
	until time.Time // what comes later stays plain
}

const (
	maxHighlighted   = 1 << 20 // bytes of one document
	maxHighlightTime = 2 * time.Second
	maxColouredLine  = 1000 // bytes; no person reads a longer one
)

func newHighlighter() *highlighter {
	return &highlighter{bytes: maxHighlighted, until: time.Now().Add(maxHighlightTime)}
}

// diff colours both versions of each hunk of f, each as the text that it was.
func (h *highlighter) diff(f *fileDiff) {
	lexer := lexerFor(f.Path())
	if lexer == nil {
		return
	}
	for i := range f.Hunks {
		var before, after []*line
		for j := range f.Hunks[i].Runs {
			r := &f.Hunks[i].Runs[j]
			for k := range r.Same {
				after = append(after, &r.Same[k])
			}
			for k := range r.Removed {
				before = append(before, &r.Removed[k])
			}
			for k := range r.New {
				after = append(after, &r.New[k])
			}
		}
		h.lines(lexer, before)
		h.lines(lexer, after)
	}
}

// lines colours consecutive lines of one text.
func (h *highlighter) lines(lexer chroma.Lexer, lines []*line) {
	var text strings.Builder
	for _, l := range lines {
		if len(l.Text) > maxColouredLine {
			return
		}
		text.WriteString(l.Text)
		text.WriteByte('\n')
	}
	if h.bytes -= text.Len(); h.bytes < 0 || text.Len() == 0 || time.Now().After(h.until) {
		return
	}
	tokens, err := lexer.Tokenise(nil, text.String())
	if err != nil {
		return
	}
	coloured := make([][]span, len(lines))
	at := 0
	for token := tokens(); token != chroma.EOF; token = tokens() {
		if time.Now().After(h.until) {
			return
		}
		class := classOf(token.Type)
		for i, part := range strings.Split(token.Value, "\n") {
			if i > 0 {
				at++
			}
			if at < len(lines) && part != "" {
				coloured[at] = append(coloured[at], span{class, report.Visible(part, true)})
			}
		}
	}
	for i, l := range lines {
		// Whatever the lexer does, the text is what it was.
		if plain := report.Visible(l.Text, true); join(coloured[i]) == plain {
			l.Spans = coloured[i]
		}
	}
}

func join(spans []span) string {
	var b strings.Builder
	for _, s := range spans {
		b.WriteString(s.Text)
	}
	return b.String()
}

// classOf is the class of a token's colour. Six colours are enough to read by.
func classOf(t chroma.TokenType) string {
	switch {
	case t.InCategory(chroma.Comment):
		return "hc"
	case t.InCategory(chroma.Keyword):
		return "hk"
	case t.InSubCategory(chroma.LiteralString):
		return "hs"
	case t.InCategory(chroma.Literal):
		return "hn"
	case t == chroma.NameFunction, t == chroma.NameFunctionMagic, t == chroma.NameClass, t == chroma.NameTag, t == chroma.NameDecorator:
		return "hf"
	case t == chroma.NameBuiltin, t == chroma.NameAttribute, t == chroma.NameNamespace:
		return "hb"
	}
	return ""
}

// lexerFor goes by the file's name alone.
func lexerFor(name string) chroma.Lexer {
	if _, inner, ok := strings.Cut(name, "!"); ok { // path within a wheel
		name = inner
	}
	base := path.Base(name)
	language := ""
	switch path.Ext(base) {
	case ".rs":
		language = "rust"
	case ".py", ".pth", ".pyi", ".pyx", ".start":
		language = "python"
	case ".toml":
		language = "toml"
	case ".cfg", ".ini":
		language = "ini"
	case ".sh", ".bash", ".ac", ".m4":
		language = "bash"
	case ".cmake":
		language = "cmake"
	case ".mk", ".am":
		language = "makefile"
	case ".build":
		language = "meson"
	case ".pl":
		language = "perl"
	case ".ps1":
		language = "powershell"
	case ".bat", ".cmd":
		language = "batch"
	case ".c", ".h":
		language = "c"
	case ".cc", ".cpp", ".cxx", ".hpp":
		language = "c++"
	case ".js":
		language = "javascript"
	case ".json":
		language = "json"
	}
	switch base {
	case "CMakeLists.txt":
		language = "cmake"
	case "Makefile", "makefile", "GNUmakefile", "Makefile.in":
		language = "makefile"
	case "meson.build", "meson.options", "meson_options.txt":
		language = "meson"
	case "configure", "autogen.sh", "bootstrap":
		language = "bash"
	case "Cargo.toml.orig":
		language = "toml"
	}
	if language == "" {
		return nil
	}
	return lexers.Get(language)
}
