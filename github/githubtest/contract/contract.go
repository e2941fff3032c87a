// Package contract holds requests to GitHub, and answers from it or from a
// stand-in, against GitHub's own OpenAPI description.
//
// There are two descriptions, of github.com and of the oldest Enterprise Server that
// there is one of, cut to the operations in operations.txt: cut.sh makes them anew and
// records their version in github.json and enterprise.json. They are MIT-licensed, see
// LICENSE.octokit. By hand come three things that they lack: a
// completed check run needs a conclusion, a query parameter that it does not name
// is a violation, and an error must say what it is about.
//
// Not looked at: signing in, which is no part of the API, answers in raw media types, and the shape of those with status
// 304, 403 or 5xx, which proxies and limits send in forms of their own.
package contract

import (
	"bytes"
	"context"
	_ "embed" // the description
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

//go:embed github.json
var ofGitHub []byte

//go:embed enterprise.json
var ofEnterprise []byte

// Description is one of the API.
type Description struct {
	name string
	load func() ([]*route, error)
}

var (
	// GitHub is github.com's.
	GitHub = &Description{"GitHub", routesOf(ofGitHub)}
	// Enterprise is that of the oldest supported GitHub Enterprise Server.
	Enterprise = &Description{"GitHub Enterprise Server", routesOf(ofEnterprise)}
)

// enterprisePrefix is where GitHub Enterprise Server has its API.
const enterprisePrefix = "/api/v3"

// Transport passes requests on to Next and reports every violation of the
// contract: of the request's, with both descriptions, since what is asked of GitHub is
// asked of an Enterprise Server as well, and of the answer's, with github.com's. It
// changes neither. It may be used by several goroutines if Report may.
type Transport struct {
	// Next makes the requests. Default http.DefaultTransport.
	Next http.RoundTripper
	// Report gets each violation; nil drops them. In a test it is
	// func(err error) { t.Error(err) }.
	Report func(error)
}

// New is a Transport around next.
func New(next http.RoundTripper, report func(error)) *Transport {
	return &Transport{Next: next, Report: report}
}

// RoundTrip implements [http.RoundTripper].
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	next := t.Next
	if next == nil {
		next = http.DefaultTransport
	}
	if strings.HasPrefix(req.URL.Path, "/login/oauth/") {
		return next.RoundTrip(req)
	}
	body, err := readAll(req.Body)
	if err != nil {
		return nil, fmt.Errorf("read request body: %w", err)
	}
	sent := req.Clone(req.Context())
	if req.Body != nil {
		sent.Body = io.NopCloser(bytes.NewReader(body))
	}
	input, err := GitHub.Request(req, body)
	if err != nil {
		t.report(req, err)
	} else if _, err := Enterprise.Request(req, body); err != nil {
		t.report(req, fmt.Errorf("of an Enterprise Server: %w", err))
	}
	resp, err := next.RoundTrip(sent)
	if err != nil || input == nil {
		return resp, err
	}
	answer, err := readAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("read response body: %w", err)
	}
	resp.Body = io.NopCloser(bytes.NewReader(answer))
	if err := Response(input, resp, answer); err != nil {
		t.report(req, fmt.Errorf("status %d: %w", resp.StatusCode, err))
	}
	return resp, nil
}

func (t *Transport) report(req *http.Request, err error) {
	if t.Report != nil {
		t.Report(fmt.Errorf("contract: %s %s: %w", req.Method, req.URL.RequestURI(), err))
	}
}

// readAll reads and closes; nil is empty.
func readAll(body io.ReadCloser) ([]byte, error) {
	if body == nil {
		return nil, nil
	}
	defer body.Close()
	return io.ReadAll(body)
}

var options = func() *openapi3filter.Options {
	o := &openapi3filter.Options{
		MultiError:                        true,
		IncludeResponseStatus:             true,
		RejectWhenRequestBodyNotSpecified: true,
		SkipSettingDefaults:               true,
		AuthenticationFunc:                openapi3filter.NoopAuthenticationFunc,
	}
	// Without this each violation prints its whole schema.
	o.WithCustomSchemaErrorFunc(func(err *openapi3.SchemaError) string {
		text := fmt.Sprintf("at /%s: %s", strings.Join(err.JSONPointer(), "/"), err.Reason)
		if err.Origin != nil {
			text += ": " + err.Origin.Error()
		}
		return text
	})
	return o
}()

// Request checks a request with the given body. The input that it returns is
// what [Response] wants; it is nil where the request is for no operation that
// the description knows.
func (d *Description) Request(req *http.Request, body []byte) (*openapi3filter.RequestValidationInput, error) {
	routes, err := d.load()
	if err != nil {
		return nil, err
	}
	path := strings.TrimPrefix(req.URL.EscapedPath(), enterprisePrefix)
	found, params := match(routes, req.Method, path)
	if found == nil {
		return nil, errors.New("no such operation in operations.txt")
	}
	copied := req.Clone(context.Background())
	copied.Body = io.NopCloser(bytes.NewReader(body))
	// ghinstallation sends "null" where it has nothing to say, and GitHub takes
	// it for nothing.
	if len(body) == 0 || string(bytes.TrimSpace(body)) == "null" {
		copied.Body = nil
	}
	input := &openapi3filter.RequestValidationInput{Request: copied, PathParams: params, Route: &found.Route, Options: options}
	return input, errors.Join(
		openapi3filter.ValidateRequest(context.Background(), input),
		unknownParameters(found, req.URL.Query()),
		conclusion(found.Operation.OperationID, body),
	)
}

// Response checks the answer to a request.
func Response(input *openapi3filter.RequestValidationInput, resp *http.Response, body []byte) error {
	switch {
	case resp.StatusCode == http.StatusNotModified, resp.StatusCode == http.StatusForbidden, resp.StatusCode >= 500:
		return nil
	case resp.StatusCode >= 400:
		return problem(body)
	case resp.StatusCode == http.StatusNoContent:
	case !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json"):
		return nil
	}
	return openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: resp.StatusCode, Header: resp.Header,
		Body: io.NopCloser(bytes.NewReader(body)), Options: options,
	})
}

// problem checks an error. Which statuses an operation has the description tells
// only in part (checks/create has no 422 there, and gives it).
func problem(body []byte) error {
	var e struct {
		Message string `json:"message"`
	}
	if err := json.Unmarshal(body, &e); err != nil {
		return fmt.Errorf("error is not JSON: %w", err)
	}
	if e.Message == "" {
		return errors.New("error without a message")
	}
	return nil
}

// unknownParameters are those in the query that the operation does not have.
func unknownParameters(r *route, query url.Values) error {
	var errs []error
	for name := range query {
		known := func(p *openapi3.ParameterRef) bool { return p.Value.In == "query" && p.Value.Name == name }
		if !slices.ContainsFunc(r.Operation.Parameters, known) && !slices.ContainsFunc(r.PathItem.Parameters, known) {
			errs = append(errs, fmt.Errorf("%s has no query parameter %q", r.Operation.OperationID, name))
		}
	}
	return errors.Join(errs...)
}

func conclusion(operation string, body []byte) error {
	if operation != "checks/create" && operation != "checks/update" {
		return nil
	}
	var in struct{ Status, Conclusion string }
	if err := json.Unmarshal(body, &in); err != nil {
		return nil // the schema has said so
	}
	if in.Status == "completed" && in.Conclusion == "" {
		return errors.New("a completed check run needs a conclusion")
	}
	return nil
}

// route is an operation and the paths that are its.
type route struct {
	routers.Route
	pattern *regexp.Regexp
	names   []string
}

// routesOf parses a description, once.
func routesOf(description []byte) func() ([]*route, error) {
	return sync.OnceValues(func() ([]*route, error) { return parse(description) })
}

func parse(description []byte) ([]*route, error) {
	doc, err := openapi3.NewLoader().LoadFromData(description)
	if err != nil {
		return nil, fmt.Errorf("load GitHub's description: %w", err)
	}
	var all []*route
	for path, item := range doc.Paths.Map() {
		pattern, names := compile(path)
		for method, operation := range item.Operations() {
			all = append(all, &route{
				Route:   routers.Route{Spec: doc, Path: path, PathItem: item, Method: method, Operation: operation},
				pattern: pattern, names: names,
			})
		}
	}
	// The path with the most fixed text first: /commits/{ref}/status before
	// /commits/{ref}.
	slices.SortFunc(all, func(a, b *route) int { return fixed(b.Path) - fixed(a.Path) })
	return all, nil
}

var variable = regexp.MustCompile(`\{([a-z_]+)\}`)

// slashed are the path parameters that may contain slashes, against what the
// description can say.
var slashed = []string{"ref", "basehead", "branch", "tree_sha"}

func compile(path string) (pattern *regexp.Regexp, names []string) {
	var b strings.Builder
	b.WriteString("^")
	last := 0
	for _, at := range variable.FindAllStringSubmatchIndex(path, -1) {
		name := path[at[2]:at[3]]
		names = append(names, name)
		b.WriteString(regexp.QuoteMeta(path[last:at[0]]))
		switch {
		case name == "path": // empty for the root directory
			b.WriteString("(.*)")
		case slices.Contains(slashed, name):
			b.WriteString("(.+)")
		default:
			b.WriteString("([^/]+)")
		}
		last = at[1]
	}
	b.WriteString(regexp.QuoteMeta(path[last:]) + "$")
	return regexp.MustCompile(b.String()), names
}

func fixed(path string) int { return len(variable.ReplaceAllString(path, "")) }

func match(routes []*route, method, path string) (*route, map[string]string) {
	for _, r := range routes {
		if r.Method != method {
			continue
		}
		values := r.pattern.FindStringSubmatch(path)
		if values == nil {
			continue
		}
		params := map[string]string{}
		for i, name := range r.names {
			value, err := url.PathUnescape(values[i+1])
			if err != nil {
				value = values[i+1]
			}
			if value == "" {
				value = "/" // the root directory; the description wants something
			}
			params[name] = value
		}
		return r, params
	}
	return nil, nil
}
