package script_test

import (
	"context"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/lockkeeper/lockkeeper/buildcode"
	"github.com/lockkeeper/lockkeeper/buildcode/script"
)

// fuzz analyses whatever stands in a file of a language. It must come to an end,
// say the same twice, and still see the download that another file of the package
// makes.
func fuzz(f *testing.F, name string) {
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, n := range names {
		ar, err := txtar.ParseFile(n)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range ar.Files {
			if file.Name != "want" && filepath.Ext(file.Name) == filepath.Ext(name) {
				f.Add(string(file.Data))
			}
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1<<14 {
			return
		}
		in := files{{Name: name, Data: []byte(text)}, {Name: "second.sh", Data: []byte("curl https://example.invalid/x\n")}}
		roots := []string{name, "second.sh"}
		r := script.Analyse(context.Background(), in, roots)
		if diff := cmp.Diff(r, script.Analyse(context.Background(), in, roots)); diff != "" {
			t.Errorf("not the same twice: %s", diff)
		}
		if !slices.ContainsFunc(r.Uses, func(u buildcode.Use) bool {
			return u.Capability == buildcode.Run("curl") && u.Path == "second.sh"
		}) {
			t.Errorf("curl is not seen: %v", r.Uses)
		}
		for _, u := range r.Uses {
			if u.Line < 0 || u.Line > strings.Count(text, "\n")+2 || len(u.Text) > 400 {
				t.Errorf("use %+v", u)
			}
		}
	})
}

func FuzzShell(f *testing.F)      { fuzz(f, "fuzz.sh") }
func FuzzMake(f *testing.F)       { fuzz(f, "Makefile") }
func FuzzCMake(f *testing.F)      { fuzz(f, "fuzz.cmake") }
func FuzzMeson(f *testing.F)      { fuzz(f, "meson.build") }
func FuzzM4(f *testing.F)         { fuzz(f, "fuzz.m4") }
func FuzzBatch(f *testing.F)      { fuzz(f, "fuzz.bat") }
func FuzzPowershell(f *testing.F) { fuzz(f, "fuzz.ps1") }
func FuzzPerl(f *testing.F)       { fuzz(f, "fuzz.pl") }

// TestHostile: texts that would take for ever, or all memory, if anything grew
// faster than its input. The deadline is far beyond what they take.
func TestHostile(t *testing.T) {
	const n = 20_000
	shell := map[string]string{
		"substitutions":  strings.Repeat("$(", n),
		"closed":         strings.Repeat("$(", n) + strings.Repeat(")", n),
		"backquotes":     strings.Repeat("`", n),
		"escaped":        strings.Repeat("`\\`", n),
		"arithmetic":     strings.Repeat("$((", n),
		"braces":         strings.Repeat("${a:-", n),
		"quotes":         strings.Repeat("\"$(\"", n),
		"groups":         strings.Repeat("{ ", n),
		"subshells":      strings.Repeat("( ", n),
		"conditions":     strings.Repeat("if ", n),
		"cases":          strings.Repeat("case x in a) ", n),
		"pipes":          strings.Repeat("cat|", n) + "sh",
		"groups piped":   strings.Repeat("cat|{ ", n) + "sh",
		"documents":      strings.Repeat("cat <<E\n", n),
		"documents open": strings.Repeat("cat <<E;", n) + "\n" + strings.Repeat("x\n", n),
		"appended":       strings.Repeat("a=$a$a\n", n) + "eval $a",
		"in circles":     "a=$b;b=$c;c=$a\n" + strings.Repeat("$a $b $c\n", n),
		"variants":       strings.Repeat("a=x$b\nb=y$a\n", n) + strings.Repeat("$a$b$a$b\n", n),
		"evals":          strings.Repeat("eval ", n) + "x",
		"eval grows":     "a='eval \"$a $a\"'\neval \"$a\"\n",
		"functions":      strings.Repeat("f() { f \"$@\" \"$1\"; }\n", n/10) + strings.Repeat("f a b c\n", n/10),
		"functions deep": strings.Repeat("f(){ ", n),
		"output":         "f() { f; g; }\ng() { f; echo x; }\n" + strings.Repeat("$(f) $(g)\n", n/100),
		"files":          strings.Repeat("echo x >> a\n. ./a\n", n/10),
		"files of files": strings.Repeat("cat a > b; cat b > a; . ./a\n", n/10),
		"one line":       strings.Repeat("echo x;", 10*n),
		"words":          strings.Repeat("a ", 10*n),
		"long word":      strings.Repeat("a", 100*n),
		"aliases":        "alias a=b\nalias b=a\n" + strings.Repeat("a\nb\n", n),
		"here in here":   strings.Repeat("<<A$(", n),
		"arrays":         strings.Repeat("a=(", n),
		"tests":          strings.Repeat("[[ ", n),
		"printf":         "printf '" + strings.Repeat("%s", n/10) + "' " + strings.Repeat("a ", n/10) + "| sh",
	}
	numbered := func(format func(i string) string, count int) string {
		var b strings.Builder
		for i := range count {
			b.WriteString(format(strconv.Itoa(i)))
		}
		return b.String()
	}
	others := map[string]string{
		"Makefile/parens":       "X = " + strings.Repeat("$(", n),
		"Makefile/nested":       "X = " + strings.Repeat("$(a", n) + strings.Repeat(")", n) + "\nall: ; $(X)",
		"Makefile/circle":       "A = $(B)$(B)\nB = $(A)$(A)\nall:\n" + strings.Repeat("\t$(A)\n", n/10),
		"Makefile/doubling":     numbered(func(i string) string { return "A" + i + "1 = $(A" + i + ")$(A" + i + ")\n" }, n/10) + "all:\n\t$(A41)\n",
		"Makefile/evals":        "define E\n$(eval $(E))\nendef\n$(eval $(E))\n",
		"Makefile/calls":        "f = $(call f,$(1)$(1))\nall:\n\t$(call f,x)\n",
		"Makefile/continued":    strings.Repeat("a \\\n", n),
		"Makefile/recipes":      "all:\n" + strings.Repeat("\tcurl $(X)\n", n),
		"CMakeLists.txt/parens": strings.Repeat("a(", n),
		"CMakeLists.txt/braces": "set(a " + strings.Repeat("${", n) + ")",
		"CMakeLists.txt/angles": "execute_process(COMMAND " + strings.Repeat("$<", n) + ")",
		"CMakeLists.txt/lists":  strings.Repeat("set(a ${a};${a})\n", n/10) + strings.Repeat("execute_process(COMMAND ${a})\n", n/10),
		"CMakeLists.txt/calls":  "function(f x)\nf(${x})\nexecute_process(COMMAND ${x})\nendfunction()\n" + strings.Repeat("f(a)\n", n),
		"CMakeLists.txt/eval":   "set(c \"cmake_language(EVAL CODE \\\"\\${c}\\\")\")\ncmake_language(EVAL CODE \"${c}\")\n",
		"CMakeLists.txt/many":   strings.Repeat("execute_process(COMMAND a b)\n", n),
		"meson.build/brackets":  strings.Repeat("[", n),
		"meson.build/calls":     strings.Repeat("a(", n),
		"meson.build/added":     strings.Repeat("a += a + a\n", n/10) + "run_command(a)",
		"meson.build/list":      "a = [" + strings.Repeat("'x',", n) + "]\nrun_command(a)",
		"meson.build/choices":   strings.Repeat("a?", n),
		"meson.build/formats":   "a = '" + strings.Repeat("@a@", n) + "'\nrun_command(f'@a@@a@')",
		"x.m4/macros":           strings.Repeat("AC_X(", n),
		"x.m4/brackets":         strings.Repeat("[", n),
		"x.m4/parens":           "AC_X(" + strings.Repeat("(", n),
		"x.m4/apostrophes":      strings.Repeat("AC_X([don't])\n", n),
		"x.bat/percent":         strings.Repeat("%a%", n),
		"x.bat/sets":            strings.Repeat("set a=%a%%a%\n", n/10) + "%a%",
		"x.bat/carets":          strings.Repeat("a^\n", n),
		"x.ps1/quotes":          strings.Repeat("'+'", n),
		"x.ps1/comments":        strings.Repeat("<#", n),
		"x.pl/quotes":           strings.Repeat("system(\"", n),
		"x.pl/pod":              strings.Repeat("=pod\n", n),
		"x.pl/opens":            strings.Repeat("open(F,\"", n),
	}
	for what, text := range shell {
		others["x.sh/"+what] = text
	}
	for what, text := range others {
		name, _, _ := strings.Cut(what, "/")
		t.Run(what, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
			defer cancel()
			script.Analyse(ctx, files{{Name: name, Data: []byte(text)}}, []string{name})
			if ctx.Err() != nil {
				t.Errorf("%d bytes take more than two minutes", len(text))
			}
		})
	}
}

// BenchmarkConfigure reads what is put together of the idioms of a configure
// script, as large as these commonly are.
func BenchmarkConfigure(b *testing.B) {
	ar, err := txtar.ParseFile("testdata/honest-configure.txtar")
	if err != nil {
		b.Fatal(err)
	}
	text := strings.Repeat(string(ar.Files[0].Data), 400)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		script.Analyse(context.Background(), files{{Name: "configure", Data: []byte(text)}}, []string{"configure"})
	}
}
