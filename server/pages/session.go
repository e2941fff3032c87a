package pages

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/github"
	"github.com/lockkeeper/lockkeeper/store"
)

// The prefix has browsers take them over https (or from loopback) alone, for this
// host alone, and from no other host of its domain (RFC 6265bis, section 4.1.3.2).
const (
	sessionCookie = "__Host-lockkeeper"
	loginCookie   = "__Host-lockkeeper-login"
)

const (
	// idleFor ends a session that was not used, lastsFor one that was.
	idleFor  = 12 * time.Hour
	lastsFor = 7 * 24 * time.Hour
	// seenEvery bounds how often its use is noted.
	seenEvery = 5 * time.Minute
	// loginWithin is how long signing in may take.
	loginWithin = 10 * time.Minute
)

// session is somebody who is signed in.
type session struct {
	store.Session
	token string // goes with every form, and follows from the id
}

func (s *session) account() github.Account { return github.Account{ID: s.User, Login: s.Login} }

// owns reports whether a form was made for this session.
func (s *session) owns(token string) bool {
	return subtle.ConstantTimeCompare([]byte(token), []byte(s.token)) == 1
}

// formToken follows from a session's id and does not tell it.
func formToken(id string) string {
	mac := hmac.New(sha256.New, []byte(id))
	mac.Write([]byte("lockkeeper form"))
	return hex.EncodeToString(mac.Sum(nil))
}

// randomText is 256 random bits.
func randomText() string {
	b := make([]byte, 32)
	rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// sessionOf is the session of a request; nil where there is none, or it is over.
func (p *Pages) sessionOf(r *http.Request) (*session, error) {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil || len(cookie.Value) != base64.RawURLEncoding.EncodedLen(32) {
		return nil, nil
	}
	hash := lockkeeper.Sum([]byte(cookie.Value))
	found, ok, err := p.cfg.Store.Session(r.Context(), hash)
	if err != nil || !ok {
		return nil, err
	}
	now := p.cfg.Now()
	if now.Sub(found.Made) > lastsFor || now.Sub(found.Seen) > idleFor {
		return nil, p.cfg.Store.EndSession(r.Context(), hash)
	}
	if now.Sub(found.Seen) > seenEvery {
		if err := p.cfg.Store.SeeSession(r.Context(), hash, now); err != nil {
			return nil, err
		}
	}
	return &session{found, formToken(cookie.Value)}, nil
}

// door is where people who are not signed in arrive.
func (p *Pages) door(v *visit) error {
	to := localPath(v.r.URL.Query().Get("to"))
	if v.session != nil {
		http.Redirect(v.w, v.r, to, http.StatusSeeOther)
		return nil
	}
	return p.show(v, "login.tmpl", Layout{Title: "Sign in", Page: struct{ To, GitHub string }{to, hostOf(p.cfg.App.WebURL())}})
}

// begin sends the browser to GitHub. What comes back is bound to this browser by a
// cookie, and to this sign-in by PKCE.
func (p *Pages) begin(v *visit) error {
	state, verifier := randomText(), p.login.Verifier()
	value := base64.RawURLEncoding.EncodeToString([]byte(localPath(v.r.URL.Query().Get("to"))))
	http.SetCookie(v.w, cookieOf(loginCookie, state+"."+verifier+"."+value, int(loginWithin.Seconds())))
	http.Redirect(v.w, v.r, p.login.URL(state, verifier), http.StatusSeeOther)
	return nil
}

// callback is where GitHub sends the browser back to.
func (p *Pages) callback(v *visit) error {
	q := v.r.URL.Query()
	state, verifier, to, ok := readLoginCookie(v.r)
	http.SetCookie(v.w, cookieOf(loginCookie, "", -1))
	if !ok || subtle.ConstantTimeCompare([]byte(state), []byte(q.Get("state"))) != 1 {
		return p.notSignedIn(v, "This sign-in was not begun in this browser, or it took too long.")
	}
	if q.Get("code") == "" { // they said no
		return p.notSignedIn(v, "You did not let GitHub tell who you are.")
	}
	account, err := p.login.Account(v.r.Context(), q.Get("code"), verifier)
	if errors.Is(err, github.ErrLogin) {
		zerolog.Ctx(v.r.Context()).Warn().Err(err).Msg("a sign-in was not accepted")
		return p.notSignedIn(v, "GitHub did not accept the sign-in. Its code may have been used already.")
	}
	if err != nil {
		return err
	}
	now := p.cfg.Now()
	// Always a new id: one that somebody planted before is worth nothing.
	if v.session != nil {
		if err := p.cfg.Store.EndSession(v.r.Context(), v.session.Hash); err != nil {
			return err
		}
	}
	if err := p.cfg.Store.PruneSessions(v.r.Context(), now.Add(-lastsFor), now.Add(-idleFor)); err != nil {
		return err
	}
	id := randomText()
	err = p.cfg.Store.PutSession(v.r.Context(), store.Session{Hash: lockkeeper.Sum([]byte(id)), User: account.ID, Login: account.Login, Made: now, Seen: now})
	if err != nil {
		return err
	}
	http.SetCookie(v.w, cookieOf(sessionCookie, id, int(lastsFor.Seconds())))
	zerolog.Ctx(v.r.Context()).Info().Str("login", account.Login).Int64("id", account.ID).Msg("signed in")
	http.Redirect(v.w, v.r, to, http.StatusSeeOther)
	return nil
}

func (p *Pages) notSignedIn(v *visit, why string) error {
	v.status = http.StatusBadRequest
	return p.show(v, "problem.tmpl", Layout{Title: "Not signed in", Page: struct{ Title, Text string }{"Not signed in", why + " Sign in once more."}})
}

func (p *Pages) logout(v *visit) error {
	if err := p.cfg.Store.EndSession(v.r.Context(), v.session.Hash); err != nil {
		return err
	}
	http.SetCookie(v.w, cookieOf(sessionCookie, "", -1))
	http.Redirect(v.w, v.r, "/login", http.StatusSeeOther)
	return nil
}

// cookieOf: Lax, since people come here by links on GitHub; a form from there comes
// without it.
func cookieOf(name, value string, maxAge int) *http.Cookie {
	return &http.Cookie{Name: name, Value: value, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: maxAge}
}

// readLoginCookie reads what begin wrote. Whoever can write it can write their own
// browser's alone, but the path is looked at again all the same.
func readLoginCookie(r *http.Request) (state, verifier, to string, ok bool) {
	cookie, err := r.Cookie(loginCookie)
	if err != nil {
		return "", "", "", false
	}
	parts := strings.Split(cookie.Value, ".")
	if len(parts) != 3 || parts[0] == "" || parts[1] == "" {
		return "", "", "", false
	}
	path, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return "", "", "", false
	}
	return parts[0], parts[1], localPath(string(path)), true
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Host
}
