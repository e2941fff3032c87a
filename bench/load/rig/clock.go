package rig

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// clockVariable names the file of a Clock to the program that BuildMovable made.
const clockVariable = "RIG_CLOCK"

// Clock is by how much the wall clock of a server is off.
type Clock struct {
	file *os.File
}

// BuildMovable makes the program in dir as Build does, but with a wall clock that can be
// moved while it runs: give Env of the Clock to StartWith. Nobody may set a machine's
// clock for a test, and a Go program asks the kernel through the vDSO, where nothing
// outside of it can interfere. So it is Go's own package time that is changed, and the
// system call by which SQLite asks: the go command takes a few lines of the standard
// library from elsewhere. The product's code is what it is. As when a real clock is set,
// the monotonic clock and all timers go on as if nothing had happened.
func BuildMovable(dir string) (string, *Clock, error) {
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return "", nil, fmt.Errorf("find the standard library: %w", err)
	}
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for _, change := range movable {
		file := filepath.Join(strings.TrimSpace(string(out)), "src", filepath.FromSlash(change.file))
		data, err := os.ReadFile(file)
		if err != nil {
			return "", nil, fmt.Errorf("make the clock movable: %w", err)
		}
		text := string(data)
		for _, edit := range change.edits {
			if strings.Count(text, edit[0]) != 1 {
				return "", nil, fmt.Errorf("make the clock movable: %s of this version of Go does not have %q once; see movable in bench/load/rig/clock.go", change.file, edit[0])
			}
			text = strings.Replace(text, edit[0], edit[0]+edit[1], 1)
		}
		to := filepath.Join(dir, filepath.Base(change.file))
		if err := os.WriteFile(to, []byte(text+change.end), 0o600); err != nil {
			return "", nil, err
		}
		overlay.Replace[file] = to
	}
	encoded, err := json.Marshal(overlay)
	if err != nil {
		return "", nil, err
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, encoded, 0o600); err != nil {
		return "", nil, err
	}
	file, err := os.Create(filepath.Join(dir, "clock"))
	if err != nil {
		return "", nil, err
	}
	clock := &Clock{file}
	if err := clock.Set(0); err != nil {
		return "", nil, err
	}
	program, err := build(filepath.Join(dir, "lockkeeper-movable"), "", "-overlay", list, "github.com/lockkeeper/lockkeeper/cmd/lockkeeper")
	return program, clock, err
}

// movable are lines of the standard library, and what is put after them.
var movable = []struct {
	file  string
	edits [][2]string
	end   string
}{
	{file: "time/time.go", edits: [][2]string{
		{"func Now() Time {\n", "	return movedNow()\n}\n\nfunc unmovedNow() Time {\n"},
		{"import (\n", "	\"syscall\"\n"},
	}, end: `
func movedNow() Time {
	now := unmovedNow()
	// Add would move the monotonic reading as well.
	moved := now.Add(Duration(syscall.RigMoved()) * Second)
	if now.wall&hasMonotonic != 0 && moved.wall&hasMonotonic != 0 {
		moved.ext = now.ext
	}
	return moved
}
`},
	{file: "syscall/syscall_linux.go", edits: [][2]string{
		{"	r1, r2, errno = linux.Syscall6(trap, a1, a2, a3, a4, a5, a6)\n", "	if trap == SYS_CLOCK_GETTIME && a1 == 0 && errno == 0 {\n		*(*int)(unsafe.Pointer(a2)) += int(*rigMoved)\n	}\n"},
	}, end: `
var rigUnmoved int64
var rigMoved = &rigUnmoved

// RigMoved is by how many seconds the wall clock was moved.
func RigMoved() int64 { return *rigMoved }

func init() {
	name, ok := Getenv("` + clockVariable + `")
	if !ok {
		return
	}
	fd, err := Open(name, O_RDONLY, 0)
	if err != nil {
		panic("open the clock: " + err.Error())
	}
	page, err := Mmap(fd, 0, 8, PROT_READ, MAP_SHARED)
	if err != nil {
		panic("map the clock: " + err.Error())
	}
	_ = Close(fd)
	rigMoved = (*int64)(unsafe.Pointer(&page[0]))
}
`},
}

// Env is what a server has to be told to go by this clock.
func (c *Clock) Env() []string { return []string{clockVariable + "=" + c.file.Name()} }

// Set moves it, at once and in all servers that go by it: off from the real time by d,
// in whole seconds.
func (c *Clock) Set(d time.Duration) error {
	_, err := c.file.WriteAt(binary.NativeEndian.AppendUint64(nil, uint64(d/time.Second)), 0)
	return err
}
