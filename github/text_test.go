package github

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCutMarkdown(t *testing.T) {
	long := strings.Repeat("a line of text\n", 40)
	for _, tt := range []struct {
		name, in string
		limit    int
		want     string // prefix up to the note; "" for unchanged
	}{
		{"fits", "short", 5, ""},
		{"ends at a line", long, 400, strings.Repeat("a line of text\n", 16)[:16*15-1]},
		{"one long line", strings.Repeat("x", 1000), 400, strings.Repeat("x", 400-len(cutNote)-4-64)},
		{"between runes", strings.Repeat("\u00e9", 1000), 401, strings.Repeat("\u00e9", (401-len(cutNote)-4-64)/2)},
		{"closes a fence", "````diff\n" + long, 400, "````diff\n" + strings.Repeat("a line of text\n", 16) + "````"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := cutMarkdown(tt.in, tt.limit)
			if len(got) > tt.limit {
				t.Errorf("%d bytes, more than %d", len(got), tt.limit)
			}
			want := tt.in
			if tt.want != "" {
				want = tt.want + "\n\n" + cutNote + "\n"
			}
			if got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestOpenFence(t *testing.T) {
	for in, want := range map[string]string{
		"":                          "",
		"```\ncode":                 "```",
		"```\ncode\n```":            "",
		"~~~\n```\n":                "~~~",
		"````\n```\n":               "````",
		"```\n```` \n":              "",
		"``` a`b\n":                 "", // no fence: a backtick in its info string
		"    ```\nindented code":    "",
		"   ```go\nx":               "```",
		"```\n``` not a closing\n":  "```",
		"a ``` b\n":                 "",
		"```\r\ncode\r\n```\r\nend": "",
	} {
		if got := openFence(in); got != want {
			t.Errorf("openFence(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzCutMarkdown(f *testing.F) {
	f.Add("```\ncode\n", 300)
	f.Add(strings.Repeat("`", 500), 300)
	f.Add(strings.Repeat("~", 70)+"\n"+strings.Repeat("\u20ac\n", 200), 310)
	f.Add(strings.Repeat("~", 70)+"\n"+strings.Repeat("~", 70)+" x\n"+strings.Repeat("y\n", 300), 320)
	f.Add("\xff\xfe"+strings.Repeat("x", 400), 250)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		limit = 250 + (limit&0x7fffffff)%1000
		got := cutMarkdown(s, limit)
		if len(got) > limit {
			t.Fatalf("%d bytes, more than %d", len(got), limit)
		}
		if !utf8.ValidString(got) {
			t.Fatalf("invalid UTF-8: %q", got)
		}
		if len(strings.ToValidUTF8(s, "\uFFFD")) > limit && openFence(got) != "" {
			t.Fatalf("the note is inside of a code block: %q", got)
		}
	})
}
