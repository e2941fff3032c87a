package githubtest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// installation is the App in one account.
type installation struct {
	srv       *Server
	id        int64
	account   *account
	created   time.Time
	suspended time.Time

	used        int // requests in the hour that began at windowStart
	windowStart time.Time
}

// token is an installation's access token, or a user's.
type token struct {
	inst        *installation
	user        *account
	expires     time.Time
	repos       map[int64]bool // nil: every repository of the installation
	permissions map[string]string
}

// tokenLife is how long an installation's token says that it lives.
const tokenLife = time.Hour

// userTokenLife is how long a token for a signed-in user lives.
const userTokenLife = 8 * time.Hour

// jwtLife is the longest that GitHub lets an App's assertion live.
const jwtLife = 10 * time.Minute

// leeway is what GitHub forgives a clock that is ahead of its own.
const leeway = time.Minute

// Suspend suspends or restores the installation that r belongs to.
func (r *Repo) Suspend(suspended bool) {
	r.srv.mu.Lock()
	defer r.srv.mu.Unlock()
	r.inst.suspended = time.Time{}
	action := "unsuspend"
	if suspended {
		r.inst.suspended, action = r.srv.now(), "suspend"
	}
	r.srv.hooks.add("installation", action, r.inst.id, 0, obj{
		"action": action, "installation": r.inst.installationJSON(), "repositories": []obj{}, "sender": r.srv.userJSON(r.defaultPerson()),
	})
}

// RevokeTokens ends every token handed out so far.
func (s *Server) RevokeTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}

func clientID(c Config) string { return fmt.Sprintf("Iv1.%016x", c.AppID) }

// bearer is the credential in a request, with GitHub's two schemes.
func bearer(r *http.Request) string {
	scheme, credential, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") && !strings.EqualFold(scheme, "token") {
		return ""
	}
	return strings.TrimSpace(credential)
}

// verifyApp checks an App's assertion (RFC 7519, RS256) by the standard library
// alone: an implementation of its own beside the client's.
func (s *Server) verifyApp(jwt string) error {
	parts := strings.Split(jwt, ".")
	if len(parts) != 3 {
		return unauthorized("A JSON web token could not be decoded")
	}
	var header struct {
		Alg string `json:"alg"`
	}
	var claims struct {
		Issuer  any     `json:"iss"`
		Issued  float64 `json:"iat"`
		Expires float64 `json:"exp"`
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || decodeSegment(parts[0], &header) != nil || decodeSegment(parts[1], &claims) != nil {
		return unauthorized("A JSON web token could not be decoded")
	}
	if header.Alg != "RS256" {
		return unauthorized("A JSON web token could not be decoded: expected RS256")
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if rsa.VerifyPKCS1v15(&s.cfg.PrivateKey.PublicKey, crypto.SHA256, sum[:], signature) != nil {
		return unauthorized("A JSON web token could not be decoded")
	}
	issuer := fmt.Sprint(claims.Issuer)
	if number, ok := claims.Issuer.(float64); ok {
		issuer = fmt.Sprintf("%.0f", number)
	}
	now := s.now()
	expires, issued := time.Unix(int64(claims.Expires), 0), time.Unix(int64(claims.Issued), 0)
	switch {
	case issuer != fmt.Sprint(s.cfg.AppID) && issuer != clientID(s.cfg):
		return &apiError{status: http.StatusNotFound, message: "Integration not found"}
	case !expires.After(now):
		return unauthorized("'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires")
	case expires.After(now.Add(jwtLife + leeway)):
		return unauthorized("'Expiration time' claim ('exp') is too far in the future")
	case issued.After(now.Add(leeway)):
		return unauthorized("'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued")
	}
	return nil
}

func decodeSegment(segment string, into any) error {
	raw, err := base64.RawURLEncoding.DecodeString(segment)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, into)
}

// newToken mints a token for inst.
func (s *Server) newToken(t *token, prefix string) string {
	raw := make([]byte, 18)
	_, _ = rand.Read(raw) // never fails
	value := prefix + hex.EncodeToString(raw)
	s.tokens[value] = t
	return value
}

// authenticate finds out who calls.
func (c *call) authenticate(kind authKind) error {
	credential := bearer(c.r)
	switch {
	case kind == asAnyone && credential == "":
		return nil
	case credential == "":
		return unauthorized("Requires authentication")
	case kind == asApp || kind == asAnyone && strings.Count(credential, ".") == 2:
		return c.verifyApp(credential)
	}
	t := c.tokens[credential]
	if t == nil || !t.expires.After(c.now()) {
		return unauthorized("Bad credentials")
	}
	c.token = t
	if t.inst == nil {
		if kind == asInstallation {
			return forbidden("Resource not accessible by personal access token")
		}
		return nil
	}
	if !t.inst.suspended.IsZero() {
		return forbidden("This installation has been suspended")
	}
	return nil
}

// ranks orders the levels of a permission.
var ranks = map[string]int{"": 0, "read": 1, "write": 2, "admin": 3}

// require checks that the token has one of the permissions, each "name:level".
func (c *call) require(alternatives ...string) error {
	if c.open {
		if slices.ContainsFunc(alternatives, func(need string) bool { return need == "contents:read" || need == "metadata:read" }) {
			return nil
		}
		return errNotFound
	}
	for _, need := range alternatives {
		name, level, _ := strings.Cut(need, ":")
		if ranks[c.token.permissions[name]] >= ranks[level] {
			return nil
		}
	}
	return forbidden("Resource not accessible by integration")
}

// sees reports whether the token reaches r.
func (t *token) sees(r *Repo) bool {
	return t != nil && r != nil && t.inst != nil && r.inst == t.inst && (t.repos == nil || t.repos[r.ID])
}

// Spend has the installation of an owner make n requests of its limit.
func (s *Server) Spend(owner string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.installationOf(owner)
	for range n {
		i.spend(s.now(), s.cfg.RateLimit)
	}
}

// spend counts a request against the hourly limit.
func (i *installation) spend(now time.Time, limit int) (remaining int, reset time.Time, ok bool) {
	if now.Sub(i.windowStart) >= time.Hour {
		i.windowStart, i.used = now, 0
	}
	reset = i.windowStart.Add(time.Hour)
	if i.used >= limit {
		return 0, reset, false
	}
	i.used++
	return limit - i.used, reset, true
}

// refund takes back the last spend: GitHub does not count an answer that brought
// nothing.
func (i *installation) refund(limit int) (remaining int, reset time.Time) {
	i.used--
	return limit - i.used, i.windowStart.Add(time.Hour)
}

// Used is how many requests of the present hour count against the limit of the
// installation of an owner.
func (s *Server) Used(owner string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.installationOf(owner).used
}

// installationOf is the App's in an account that has it.
func (s *Server) installationOf(owner string) *installation {
	for _, i := range s.installations {
		if strings.EqualFold(i.account.Login, owner) {
			return i
		}
	}
	panic(fmt.Sprintf("githubtest: the app is not installed for %s", owner))
}

// Token is an access token of the installation in r's account, as good as one
// that the App asks for: a short cut for tests, and the way to have one where the
// Config's clock is not that by which clients sign assertions.
func (r *Repo) Token() string {
	r.srv.mu.Lock()
	defer r.srv.mu.Unlock()
	if r.inst == nil {
		panic(fmt.Sprintf("githubtest: the app is not installed in %s", r.FullName()))
	}
	return r.srv.newToken(&token{inst: r.inst, expires: r.srv.now().Add(r.srv.cfg.TokenLife), permissions: r.srv.cfg.Permissions}, "ghs_")
}

// UserToken is a token by which an App acts for a signed-in user, as the end of
// signing in gives it.
func (s *Server) UserToken(login string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.newToken(&token{user: s.account(login), expires: s.now().Add(userTokenLife)}, "ghu_")
}
