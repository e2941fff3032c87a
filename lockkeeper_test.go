package lockkeeper_test

import (
	"testing"

	"github.com/lockkeeper/lockkeeper"
)

// TestBlobID against ids that git itself prints (git hash-object, in both object
// formats).
func TestBlobID(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"},
		{"hello\n", "ce013625030ba8dba906f756967f9e9ca394464a"},
		{"hello\n", "2cf8d83d9ee29543b34a87727421fdecb7e3f3a183d337639025de576db9ebb4"},
	} {
		if got := lockkeeper.BlobID([]byte(tt.in), len(tt.want)); got != tt.want {
			t.Errorf("%q: %s, want %s", tt.in, got, tt.want)
		}
	}
}
