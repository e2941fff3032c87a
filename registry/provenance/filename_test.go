package provenance

import "testing"

func TestSameFile(t *testing.T) {
	for _, test := range []struct {
		signed, filename string
		want             bool
	}{
		{"foo-1.0.tar.gz", "foo-1.0.tar.gz", true},
		{"Foo.Bar-1.0.tar.gz", "foo_bar-1.0.0.tar.gz", true},
		{"foo-bar-1.0.tar.gz", "foo_bar-1.0.tar.gz", true},
		{"spt3g-1.0-cp310-cp310-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", "spt3g-1.0-cp310-cp310-manylinux2014_x86_64.manylinux_2_17_x86_64.whl", true},
		{"foo-1.0-py2.py3-none-any.whl", "foo-1.0-py3.py2-none-any.whl", true},
		{"foo-1.0-1-py3-none-any.whl", "foo-1.0-py3-none-any.whl", false},
		{"foo-1.0-py3-none-any.whl", "foo-1.0-py3-none-linux_x86_64.whl", false},
		{"foo-1.0-py2.py3-none-any.whl", "foo-1.0-py3-none-any.whl", false},
		{"foo-1.0.tar.gz", "foo-1.0.zip", false},
		{"foo-1.0.tar.gz", "foo-1.0.1.tar.gz", false},
		{"foo-1.0.tar.gz", "bar-1.0.tar.gz", false},
		{"foo-1.0.tar.gz", "foo-1.0-py3-none-any.whl", false},
		{"foo-1.0.tar.gz/../bar-1.0.tar.gz", "bar-1.0.tar.gz", false},
		{"", "", false},
		{"", "foo-1.0.tar.gz", false},
		{"foo", "foo-1.0.tar.gz", false},
	} {
		if got := sameFile(test.signed, test.filename); got != test.want {
			t.Errorf("sameFile(%q, %q) = %t", test.signed, test.filename, got)
		}
	}
}
