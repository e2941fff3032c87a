package lockfile

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/lockkeeper/lockkeeper"
)

func TestCompare(t *testing.T) {
	for _, c := range []struct {
		eco  lockkeeper.Ecosystem
		a, b string
		want int
	}{
		{lockkeeper.Cargo, "1.2.3", "1.2.3", 0},
		{lockkeeper.Cargo, "1.9.0", "1.10.0", -1},
		{lockkeeper.Cargo, "1.0.0-rc.1", "1.0.0", -1},
		{lockkeeper.Cargo, "1.0.0-rc.2", "1.0.0-rc.10", -1},
		{lockkeeper.Cargo, "1.0.0+a", "1.0.0+b", -1},
		{lockkeeper.Cargo, "", "0.0.1", -1},
		{lockkeeper.Cargo, "junk", "0.0.1", -1},
		{lockkeeper.PyPI, "1.0", "1.0.0", 0},
		{lockkeeper.PyPI, "1.0a1", "1.0", -1},
		{lockkeeper.PyPI, "1.0.post1", "1.0", 1},
		{lockkeeper.PyPI, "1.0.dev1", "1.0a1", -1},
		{lockkeeper.PyPI, "2024.1", "1!1.0", -1},
		{lockkeeper.PyPI, "1.0-1", "1.0.post1", 0},
		{lockkeeper.PyPI, "1.0+cu118", "1.0+cu121", -1},
		{lockkeeper.PyPI, "1.0", "1.0+cu121", -1},
		{lockkeeper.PyPI, "1.0.dev99999999999999999998", "1.0.dev99999999999999999999", -1},
		{lockkeeper.PyPI, "1.0.post1+a", "1.0.post1+b", -1},
		{lockkeeper.PyPI, "1.0.post1", "1.0.post1+a", -1},
		{lockkeeper.PyPI, "1rc0", "1rc0.post0", -1},
		{lockkeeper.PyPI, "v1.0-Alpha_01.dev", "1.0.0a1.dev0", 0},
		{lockkeeper.PyPI, "2004d", "1.0", -1},
		{lockkeeper.PyPI, "2004d", "2005k", -1},
	} {
		if got := Compare(c.eco, c.a, c.b); got != c.want {
			t.Errorf("Compare(%s, %q, %q) = %d, want %d", c.eco, c.a, c.b, got, c.want)
		}
		if got := Compare(c.eco, c.b, c.a); got != -c.want {
			t.Errorf("Compare(%s, %q, %q) = %d, want %d", c.eco, c.b, c.a, got, -c.want)
		}
	}
}

func TestSameLine(t *testing.T) {
	for _, c := range []struct {
		eco  lockkeeper.Ecosystem
		a, b string
		want bool
	}{
		{lockkeeper.Cargo, "1.2.3", "1.9.0", true},
		{lockkeeper.Cargo, "1.2.3", "2.0.0", false},
		{lockkeeper.Cargo, "0.3.1", "0.3.9", true},
		{lockkeeper.Cargo, "0.3.1", "0.4.0", false},
		{lockkeeper.Cargo, "0.0.1", "0.0.2", false},
		{lockkeeper.Cargo, "0.0.1", "0.0.1+x", true},
		{lockkeeper.Cargo, "0.0.0", "0.0.0+x", true},
		{lockkeeper.Cargo, "1.0.0-alpha.1", "1.0.0", true},
		{lockkeeper.Cargo, "10.0.0", "1.0.0", false},
		{lockkeeper.Cargo, "", "", true},
		{lockkeeper.Cargo, "", "1.0.0", false},
		{lockkeeper.PyPI, "2.1", "2.30", true},
		{lockkeeper.PyPI, "2", "2.30rc1", true},
		{lockkeeper.PyPI, "2rc1", "2.30", true},
		{lockkeeper.PyPI, "2.dev0", "2", true},
		{lockkeeper.PyPI, "0.1", "0.2", true},
		{lockkeeper.PyPI, "2.1", "3.0", false},
		{lockkeeper.PyPI, "1!2.1", "2.1", false},
		{lockkeeper.PyPI, "1!2.1", "1!2.2", true},
		{lockkeeper.PyPI, "2+local", "2.1", true},
		{lockkeeper.PyPI, "junk", "trash", false},
	} {
		if got := SameLine(c.eco, c.a, c.b); got != c.want {
			t.Errorf("SameLine(%s, %q, %q) = %t, want %t", c.eco, c.a, c.b, got, c.want)
		}
	}
}

// Whatever the text, Compare is an order.
func TestCompareIsAnOrder(t *testing.T) {
	text := rapid.OneOf(
		rapid.StringMatching(`v?([0-2]!)?[0-3](\.[0-3]){0,3}((a|b|rc|\.dev|\.post|-)[0-2])?(\+[a-c1-2]{1,2})?`),
		rapid.StringMatching(`[0-2]\.[0-2]\.[0-2](-(alpha|rc)(\.[0-2])?)?(\+[ab])?`),
		rapid.StringMatching(`[a-c0-2.*-]{0,4}`),
	)
	rapid.Check(t, func(t *rapid.T) {
		eco := rapid.SampledFrom([]lockkeeper.Ecosystem{lockkeeper.Cargo, lockkeeper.PyPI}).Draw(t, "eco")
		a, b, c := text.Draw(t, "a"), text.Draw(t, "b"), text.Draw(t, "c")
		ab, ba := Compare(eco, a, b), Compare(eco, b, a)
		if ab != -ba {
			t.Fatalf("Compare(%q, %q) = %d, reversed %d", a, b, ab, ba)
		}
		if ab <= 0 && Compare(eco, b, c) <= 0 && Compare(eco, a, c) > 0 {
			t.Fatalf("%q <= %q <= %q, but not %q <= %q", a, b, c, a, c)
		}
		if SameLine(eco, a, b) != SameLine(eco, b, a) {
			t.Fatalf("SameLine(%q, %q) is not symmetric", a, b)
		}
	})
}

func FuzzVersions(f *testing.F) {
	f.Add("1.0.0", "1!2.0rc1.post2.dev3+local.7")
	f.Add("99999999999999999999.0.0", "0.0.0-0.a+b")
	f.Add("1.*", "v1.2.3")
	f.Add(strings.Repeat("1.", 120), "1.0.0")
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, eco := range []lockkeeper.Ecosystem{lockkeeper.Cargo, lockkeeper.PyPI} {
			if Compare(eco, a, b) != -Compare(eco, b, a) || Compare(eco, a, a) != 0 || !SameLine(eco, a, a) {
				t.Fatalf("%s: %q and %q have no order", eco, a, b)
			}
		}
	})
}
