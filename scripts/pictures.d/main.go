// Command pictures makes the pictures of the README from the demo, in a browser: the
// comment as it stands in the pull request, and the page behind its link.
//
//	scripts/pictures
package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"time"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/launcher"
	"github.com/go-rod/rod/lib/proto"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: pictures LOCKKEEPER DIR")
		os.Exit(2)
	}
	if err := pictures(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "pictures:", err)
		os.Exit(1)
	}
}

// most is what a picture may weigh, in bytes.
const most = 150_000

func pictures(lockkeeper, dir string) error {
	demo := exec.Command(lockkeeper, "demo")
	demo.Stderr = os.Stderr
	out, err := demo.StdoutPipe()
	if err != nil {
		return err
	}
	if err := demo.Start(); err != nil {
		return err
	}
	defer func() {
		_ = demo.Process.Signal(os.Interrupt)
		_ = demo.Wait() // it was interrupted
	}()
	address := ""
	for lines := bufio.NewScanner(out); address == "" && lines.Scan(); {
		address = regexp.MustCompile(`http://\S+`).FindString(lines.Text())
	}
	if address == "" {
		return errors.New("the demo prints no address")
	}
	l := launcher.New().Bin(os.Getenv("LOCKKEEPER_CHROMIUM")).Leakless(false).Headless(true).NoSandbox(true).
		Set("disable-gpu").Set("disable-quic").Set("no-first-run").Set("disable-background-networking").
		Set("disable-component-update").Set("disable-sync").Set("disable-dev-shm-usage").Set("hide-scrollbars")
	defer l.Cleanup()
	defer l.Kill()
	control, err := l.Launch()
	if err != nil {
		return err
	}
	browser := rod.New().ControlURL(control)
	if err := browser.Connect(); err != nil {
		return err
	}
	defer func() { _ = browser.Close() }()
	return rod.Try(func() {
		page := browser.MustPage().Timeout(time.Minute)
		emulate := proto.EmulationSetEmulatedMedia{Features: []*proto.EmulationMediaFeature{{Name: "prefers-color-scheme", Value: "light"}}}
		if err := emulate.Call(page); err != nil {
			panic(err)
		}
		page.MustSetViewport(1240, 1200, 1, false)
		page.MustNavigate(address).MustWaitLoad()
		comment := page.MustElementR(".comment", "need a sign-off|needs a sign-off")
		keep(dir, "comment.png", comment.MustScreenshot())

		details := comment.MustElementR("a", "details page").MustProperty("href").Str()
		page.MustNavigate(details).MustWaitLoad()
		page.MustElement("a.main").MustClick()
		page.MustElement("select[name=login]").MustSelect("reviewer")
		wait := page.MustWaitNavigation()
		page.MustElement("button.primary").MustClick()
		wait()
		page.MustElement("section.package")
		page.MustSetViewport(1120, 820, 1, false)
		keep(dir, "page.png", page.MustScreenshot())
	})
}

func keep(dir, name string, picture []byte) {
	if len(picture) > most {
		panic(fmt.Errorf("%s has %d bytes, more than %d", name, len(picture), most))
	}
	if err := os.WriteFile(filepath.Join(dir, name), picture, 0o644); err != nil {
		panic(err)
	}
}
