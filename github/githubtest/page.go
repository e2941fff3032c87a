package githubtest

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

//go:embed page
var pageFiles embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"when":   func(t time.Time) string { return t.UTC().Format("2 Jan 2006, 15:04 MST") },
	"stamp":  timestamp,
	"plural": plural,
}).ParseFS(pageFiles, "page/*.html"))

func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}

// styleVersion keeps a browser from showing a page in the style of an older one.
var styleVersion = func() string {
	style, err := pageFiles.ReadFile("page/style.css")
	must(err)
	sum := sha256.Sum256(style)
	return hex.EncodeToString(sum[:6])
}()

// pageHandler answers with a template and its data, a redirect, or an error.
type pageHandler func(v *visit) error

// visit is one request for a page, with Server.mu held.
type visit struct {
	*Server
	r        *http.Request
	repo     *Repo
	template string
	view     view
	redirect string
	raw      []byte
	rawType  string
	// formTarget is where else than here a form may lead.
	formTarget string
}

// view is what templates see: what every page has, and the page's own.
type view struct {
	Title   string
	Style   string
	Repo    string // owner/name
	Refresh int    // seconds; 0 for never
	Data    any
}

// newPages routes the pages. Posts from other origins are refused: any website
// that somebody visits could otherwise speak to a server on loopback.
func (s *Server) newPages() http.Handler {
	mux := http.NewServeMux()
	for pattern, h := range map[string]pageHandler{
		"GET /{$}":                                         home,
		"GET /{owner}/{repo}":                              repoPage,
		"GET /{owner}/{repo}/pulls":                        repoPage,
		"GET /{owner}/{repo}/pull/{number}":                conversationPage,
		"GET /{owner}/{repo}/pull/{number}/files":          filesPage,
		"POST /{owner}/{repo}/pull/{number}":               postToPull,
		"GET /{owner}/{repo}/runs/{id}":                    runPage,
		"POST /{owner}/{repo}/runs/{id}":                   rerunFromPage,
		"GET /{owner}/{repo}/commit/{sha}":                 commitPage,
		"GET /{owner}/{repo}/blob/{rest...}":               blobPage,
		"GET /{owner}/{repo}/raw/{rest...}":                blobPage,
		"GET /avatars/{id}":                                avatar,
		"GET /login/oauth/authorize":                       authorizePage,
		"POST /login/oauth/authorize":                      authorize,
		"POST /login/oauth/access_token":                   accessToken,
		manifestPages[0]:                                   newAppPage,
		manifestPages[1]:                                   newAppPage,
		"POST /settings/apps":                              createApp,
		"POST /organizations/{organization}/settings/apps": createApp,
		"GET /github-apps/{slug}":                          appPage,
		"GET /github-apps/{slug}/installations/new":        installPage,
		"POST /github-apps/{slug}/installations/new":       installFromPage,
		"GET /{login}":                                     accountPage,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.visit(w, r, h) })
	}
	mux.HandleFunc("GET /assets/style.css", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, pageFiles, "page/style.css")
	})
	guard := http.NewCrossOriginProtection()
	for _, pattern := range manifestPages {
		guard.AddInsecureBypassPattern(pattern)
	}
	return guard.Handler(mux)
}

// maxForm bounds a posted form: the longest comment, escaped, with room to spare.
const maxForm = 1 << 20

func (s *Server) visit(w http.ResponseWriter, r *http.Request, h pageHandler) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	v := &visit{Server: s, r: r, view: view{Style: styleVersion}}
	err := r.ParseForm()
	if err == nil {
		err = v.run(h)
	}
	status := http.StatusOK
	if err != nil {
		status = v.fail(err)
	}
	header := w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "same-origin")
	header.Set("Content-Security-Policy",
		"default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self' "+v.formTarget)
	switch {
	case v.redirect != "":
		http.Redirect(w, r, v.redirect, http.StatusSeeOther)
	case v.raw != nil:
		header.Set("Content-Type", v.rawType)
		_, _ = w.Write(v.raw) // the reader may be gone
	default:
		var page bytes.Buffer
		must(templates.ExecuteTemplate(&page, v.template, v.view))
		header.Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(status)
		_, _ = w.Write(page.Bytes())
	}
}

func (v *visit) run(h pageHandler) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if owner := v.r.PathValue("owner"); owner != "" {
		if v.repo = v.findRepo(owner, v.r.PathValue("repo")); v.repo == nil {
			return errNotFound
		}
		v.view.Repo = v.repo.FullName()
	}
	return h(v)
}

// fail turns an error into a page.
func (v *visit) fail(err error) (status int) {
	status = http.StatusBadRequest
	text := err.Error()
	var e *apiError
	if errors.As(err, &e) {
		status, text = e.status, e.message
		for _, detail := range e.errors {
			if message, ok := detail["message"].(string); ok {
				text = message
			}
		}
	}
	v.redirect, v.raw = "", nil
	v.template, v.view.Title, v.view.Data = "error.html", http.StatusText(status), text
	return status
}

func (v *visit) show(template, title string, data any) error {
	v.template, v.view.Title, v.view.Data = template, title, data
	return nil
}

func home(v *visit) error {
	type line struct {
		Name string
		Open int
	}
	var lines []line
	for _, r := range v.sortedRepos() {
		open := 0
		for _, p := range r.pulls {
			if p.state == "open" {
				open++
			}
		}
		lines = append(lines, line{r.FullName(), open})
	}
	return v.show("home.html", "Repositories", lines)
}

func repoPage(v *visit) error {
	var pulls []pullHead
	for i := len(v.repo.pulls) - 1; i >= 0; i-- {
		pulls = append(pulls, v.repo.pulls[i].headView())
	}
	return v.show("repo.html", v.repo.FullName(), pulls)
}

func (v *visit) pull() (*Pull, error) {
	n, err := strconv.Atoi(v.r.PathValue("number"))
	if err != nil {
		return nil, errNotFound
	}
	if p := v.repo.pull(n); p != nil {
		return p, nil
	}
	return nil, errNotFound
}

func conversationPage(v *visit) error {
	p, err := v.pull()
	if err != nil {
		return err
	}
	data := p.conversationView()
	if data.Checks.Running {
		v.view.Refresh = 5
	}
	return v.show("conversation.html", fmt.Sprintf("%s · Pull request #%d", p.title, p.Number), data)
}

func filesPage(v *visit) error {
	p, err := v.pull()
	if err != nil {
		return err
	}
	return v.show("files.html", fmt.Sprintf("%s · Files of #%d", p.title, p.Number), struct {
		Pull  pullHead
		Files []fileView
	}{p.headView(), v.repo.filesView(v.repo.comparisonDiff(p.comparison()), p.head)})
}

// postToPull is a form at the foot of a pull request: a comment, a review, a
// merge, as somebody of the people.
func postToPull(v *visit) error {
	p, err := v.pull()
	if err != nil {
		return err
	}
	by, err := v.somebody()
	if err != nil {
		return err
	}
	body := strings.ReplaceAll(v.r.PostForm.Get("body"), "\r\n", "\n")
	v.redirect = fmt.Sprintf("/%s/pull/%d#end", v.repo.FullName(), p.Number)
	switch v.r.PostForm.Get("action") {
	case "comment":
		_, err = p.comment(by, body, false)
	case "approve":
		_, err = p.review(by, "APPROVED", p.head, body)
	case "request changes":
		_, err = p.review(by, "CHANGES_REQUESTED", p.head, body)
	case "merge":
		err = p.mergeFromPage(by)
	case "close":
		p.close(by)
	case "reopen":
		err = p.reopen(by)
	default:
		err = invalidRequest("No such action.")
	}
	return err
}

// somebody is whom the visitor speaks as.
func (v *visit) somebody() (*account, error) {
	for _, a := range v.people() {
		if a.Login == v.r.PostForm.Get("login") {
			return a, nil
		}
	}
	return nil, invalidRequest("Choose somebody to speak as.")
}

func (p *Pull) mergeFromPage(by *account) error {
	switch {
	case roleRank(p.repo.role(by)) < roleRank("write"):
		return forbidden(by.Login + " may not merge here: that takes the role write.")
	case p.draft || !p.requirementsMet():
		return &apiError{status: http.StatusMethodNotAllowed, message: "Not all required checks have passed."}
	}
	_, err := p.merge(by)
	return err
}

func (v *visit) checkRun() (*CheckRun, error) {
	id, err := strconv.ParseInt(v.r.PathValue("id"), 10, 64)
	if err != nil {
		return nil, errNotFound
	}
	if c := v.repo.check(id); c != nil {
		return c, nil
	}
	return nil, errNotFound
}

func runPage(v *visit) error {
	c, err := v.checkRun()
	if err != nil {
		return err
	}
	if c.Status != "completed" {
		v.view.Refresh = 5
	}
	return v.show("run.html", c.Name, c.runView())
}

func rerunFromPage(v *visit) error {
	c, err := v.checkRun()
	if err != nil {
		return err
	}
	by, err := v.somebody()
	if err != nil {
		return err
	}
	c.emit("rerequested", by)
	v.redirect = fmt.Sprintf("/%s/runs/%d", v.repo.FullName(), c.ID)
	return nil
}

func commitPage(v *visit) error {
	hash, found := v.repo.git.resolve(v.r.PathValue("sha"))
	if !found {
		return errNotFound
	}
	c := v.repo.git.mustCommit(hash)
	subject, body, _ := strings.Cut(c.Message, "\n")
	return v.show("commit.html", subject, struct {
		Commit  commitView
		Message string
		Files   []fileView
	}{v.repo.commitView(c), strings.TrimSpace(body), v.repo.filesView(v.repo.commitDiff(c), plumbing.ZeroHash)})
}

// blobPage shows a file of a revision, whose name may have slashes, as plain
// text: markup of somebody else's is nothing for a browser to run.
func blobPage(v *visit) error {
	rest := v.r.PathValue("rest")
	for i := range rest {
		if rest[i] != '/' {
			continue
		}
		hash, found := v.repo.git.resolve(rest[:i])
		if !found {
			continue
		}
		file, err := v.repo.git.mustCommit(hash).File(rest[i+1:])
		if err != nil {
			return errNotFound
		}
		content, err := file.Contents()
		must(err)
		if strings.Contains(v.r.URL.Path, "/raw/") {
			v.raw, v.rawType = append([]byte{}, content...), "text/plain; charset=utf-8"
			return nil
		}
		var lines []lineView
		for text := range strings.Lines(content) {
			lines = append(lines, lineView{New: len(lines) + 1, Text: strings.TrimSuffix(text, "\n")})
		}
		return v.show("blob.html", rest[i+1:], struct {
			Path, At string
			Lines    []lineView
		}{rest[i+1:], rest[:i], lines})
	}
	return errNotFound
}

func accountPage(v *visit) error {
	a := v.accounts[strings.ToLower(v.r.PathValue("login"))]
	if a == nil {
		return errNotFound
	}
	return v.show("account.html", a.Login, a.Login+" is one of the accounts of this stand-in.")
}

// avatar draws the first letter of a login on a colour of its own.
func avatar(v *visit) error {
	for _, a := range v.accounts {
		if strconv.FormatInt(a.ID, 10) == v.r.PathValue("id") {
			hue := a.ID * 47 % 360
			letter := template.HTMLEscapeString(strings.ToUpper(a.Login[:1]))
			v.raw = fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40"><rect width="40" height="40" fill="hsl(%d 45%% 42%%)"/>`+
				`<text x="20" y="27" font-family="sans-serif" font-size="20" font-weight="600" text-anchor="middle" fill="#fff">%s</text></svg>`, hue, letter)
			v.rawType = "image/svg+xml"
			return nil
		}
	}
	return errNotFound
}
