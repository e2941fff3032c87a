package pypi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"strings"

	"golang.org/x/net/html"
)

// maxTag bounds one tag or text of a page in HTML, in bytes.
const maxTag = 1 << 20

// parseHTML reads a page in HTML (PEP 503, with the attributes of PEP 592, 740 and
// 792): each link is a file, named by the end of its address as pip names it.
func parseHTML(name string, base *url.URL, data []byte) (*project, error) {
	h := htmlPage{base: base, hrefs: map[string]string{}}
	tokens := html.NewTokenizer(bytes.NewReader(data))
	tokens.SetMaxBuf(maxTag)
	for {
		switch tokens.Next() {
		case html.ErrorToken:
			if err := tokens.Err(); !errors.Is(err, io.EOF) {
				return nil, fmt.Errorf("read HTML: %w", err)
			}
			return h.project(name)
		case html.StartTagToken, html.SelfClosingTagToken:
			tag, more := tokens.TagName()
			text := string(tag)
			if text != "a" && text != "base" && text != "meta" {
				continue
			}
			attributes := map[string]string{}
			for more {
				var key, value []byte
				key, value, more = tokens.TagAttr()
				if _, twice := attributes[string(key)]; !twice { // the first one counts
					attributes[string(key)] = string(value)
				}
			}
			if err := h.tag(text, attributes); err != nil {
				return nil, err
			}
		}
	}
}

// htmlPage collects what the tags of a page say.
type htmlPage struct {
	page  simplePage
	files []simpleFile
	hrefs map[string]string // by file name
	base  *url.URL
	based bool
}

// project takes a page without any file of the project for one about something else:
// whoever must log in first, or come back later, is told so in HTML, too.
func (h *htmlPage) project(name string) (*project, error) {
	h.page.Files = &h.files
	p, err := h.page.project(name, h.base)
	if err == nil && len(p.Releases) == 0 && !p.Quarantined {
		return nil, errors.New("the page, which is HTML, links to no file of the project")
	}
	return p, err
}

func (h *htmlPage) tag(name string, attributes map[string]string) error {
	switch name {
	case "base":
		if href := attributes["href"]; href != "" && !h.based {
			base, err := h.base.Parse(href)
			if err != nil {
				return errors.New("the page's base is no address")
			}
			h.base, h.based = base, true
		}
	case "meta":
		switch attributes["name"] {
		case "pypi:repository-version":
			if major, _, _ := strings.Cut(attributes["content"], "."); major != "1" {
				return fmt.Errorf("repository-version %.40q: only 1 is known", attributes["content"])
			}
		case "pypi:project-status":
			h.page.Status.Status = attributes["content"]
		}
	case "a":
		return h.link(attributes)
	}
	return nil
}

func (h *htmlPage) link(attributes map[string]string) error {
	href, linked := attributes["href"]
	if !linked {
		return nil
	}
	address, err := url.Parse(strings.TrimSpace(href))
	if err != nil {
		return errors.New("a link of the page is no address")
	}
	f := simpleFile{Filename: path.Base(address.Path), URL: strings.TrimSpace(href), Hashes: map[string]string{}, Provenance: attributes["data-provenance"]}
	if before, twice := h.hrefs[f.Filename]; twice && before == href {
		return nil // some indexes list everything once for each place they have it from
	}
	h.hrefs[f.Filename] = href
	if algorithm, digest, ok := strings.Cut(address.Fragment, "="); ok {
		f.Hashes[algorithm], _, _ = strings.Cut(digest, "&")
	}
	if reason, yanked := attributes["data-yanked"]; yanked {
		f.Yanked = reason
	}
	if python, ok := attributes["data-requires-python"]; ok {
		f.Requires = &python
	}
	h.files = append(h.files, f)
	return nil
}
