package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

type readyCmd struct {
	URL string `arg:"" optional:"" help:"Base address of the server." default:"http://127.0.0.1:8080"`
}

func (readyCmd) Help() string {
	return `For health checks of containers, in which there is no other program: exits 0 if the
server answers that its database, its queue and its GitHub App are in order.

Example: lockkeeper ready http://127.0.0.1:8080`
}

// readyWithin bounds the question.
const readyWithin = 10 * time.Second

func (c *readyCmd) Run(p *process) error {
	base, err := url.Parse(c.URL)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return usageError{fmt.Errorf("%q is no address; write it in the form http://host:port", c.URL)}
	}
	req, err := http.NewRequestWithContext(p.ctx, http.MethodGet, base.JoinPath("readyz").String(), nil)
	if err != nil {
		return err
	}
	client := http.Client{Timeout: readyWithin}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("ask whether the server is ready: %w", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1000))
	if err != nil {
		return fmt.Errorf("ask whether the server is ready: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s is not ready: %d %.200q", req.URL, resp.StatusCode, strings.TrimSpace(string(answer)))
	}
	fmt.Fprintln(p.stdout, "ready")
	return nil
}
