package archive_test

import (
	"bufio"
	"bytes"
	stdflate "compress/flate"
	stdgzip "compress/gzip"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
)

// outcome of reading a stream to its end: what came out, what the reader left
// behind it, and the kind of error.
type outcome struct {
	out, rest string
	err       error
}

func outcomeOf(open func(*bufio.Reader) (io.Reader, error), data []byte) outcome {
	packed := bufio.NewReader(bytes.NewReader(data))
	r, err := open(packed)
	if err != nil {
		return outcome{err: kindOf(err)}
	}
	out, err := io.ReadAll(io.LimitReader(r, 1<<22))
	if err != nil {
		return outcome{err: kindOf(err)}
	}
	rest, _ := io.ReadAll(packed)
	return outcome{string(out), string(rest), nil}
}

func kindOf(err error) error {
	var corrupt stdflate.CorruptInputError
	for _, known := range []error{io.EOF, io.ErrUnexpectedEOF, stdgzip.ErrHeader, stdgzip.ErrChecksum} {
		if errors.Is(err, known) {
			return known
		}
	}
	if errors.As(err, &corrupt) {
		return stdflate.CorruptInputError(0)
	}
	return err
}

// FuzzGzipAsStandard holds the reader of gzip to the standard library's: the same
// bytes or an error of the same kind, and it stops at the same place, since what
// lies behind a crate's gzip stream is looked for there.
func FuzzGzipAsStandard(f *testing.F) {
	whole := gzipped(f, []byte(strings.Repeat("fn main() {}\n", 300)+"end"))
	var stored bytes.Buffer
	w, err := stdgzip.NewWriterLevel(&stored, stdgzip.NoCompression)
	if err != nil {
		f.Fatal(err)
	}
	w.Write([]byte("stored"))
	w.Flush() // an empty block, then the last one
	w.Close()
	for _, data := range [][]byte{
		nil, whole, whole[:10], whole[:len(whole)-8], whole[:len(whole)-1], append(bytes.Clone(whole), "behind"...),
		append(bytes.Clone(whole), 0, 0), append(bytes.Clone(whole), whole...), append(bytes.Clone(whole), whole[:4]...), stored.Bytes(),
	} {
		f.Add(data, true)
		f.Add(data, false)
		if len(data) > 10 {
			damaged := bytes.Clone(data)
			damaged[len(data)/2] ^= 0x10
			f.Add(damaged, false)
			f.Add(data[10:], false)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, multistream bool) {
		// The three bits of the header that mean nothing: an error here, ignored there.
		if len(data) > 3 && data[3]>>5 == 0 {
			compareOutcomes(t, "gzip", data,
				func(r *bufio.Reader) (io.Reader, error) {
					z, err := gzip.NewReader(r)
					if err == nil {
						z.Multistream(multistream)
					}
					return z, err
				},
				func(r *bufio.Reader) (io.Reader, error) {
					z, err := stdgzip.NewReader(r)
					if err == nil {
						z.Multistream(multistream)
					}
					return z, err
				})
		}
		// Without the checksum, which keeps most of what a fuzzer makes from being read.
		compareOutcomes(t, "deflate", data,
			func(r *bufio.Reader) (io.Reader, error) { return flate.NewReader(r), nil },
			func(r *bufio.Reader) (io.Reader, error) { return stdflate.NewReader(r), nil })
	})
}

func compareOutcomes(t *testing.T, what string, data []byte, ours, standard func(*bufio.Reader) (io.Reader, error)) {
	t.Helper()
	got, want := outcomeOf(ours, data), outcomeOf(standard, data)
	if (got.err == nil) != (want.err == nil) || got.out != want.out || got.rest != want.rest {
		t.Errorf("%s of %x: got %q, rest %q, %v; the standard library %q, rest %q, %v", what, data, got.out, got.rest, got.err, want.out, want.rest, want.err)
	}
}
