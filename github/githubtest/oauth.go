package githubtest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"time"
)

// oauthLogin is a sign-in under way: a code that has been handed out.
type oauthLogin struct {
	user      *account
	expires   time.Time
	back      string // redirect_uri; the exchange must name the same
	challenge string // PKCE, S256; empty without
}

// codeLife is how long a code may take to be exchanged.
const codeLife = 10 * time.Minute

// ClientID and ClientSecret are what the App signs its users in with.
func (s *Server) ClientID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return clientID(s.cfg)
}

// ClientSecret belongs to ClientID. It is the same in every Server whose App was not
// made from a manifest: what it guards lives on loopback.
func (s *Server) ClientSecret() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clientSecret
}

// authorizePage asks whom to sign in as, where GitHub asks for a password.
func authorizePage(v *visit) error {
	q := v.r.URL.Query()
	back, err := url.Parse(q.Get("redirect_uri"))
	if q.Get("client_id") != clientID(v.cfg) || err != nil || back.Host == "" || back.Scheme != "http" && back.Scheme != "https" {
		return invalidRequest("The client_id or the redirect_uri is wrong.")
	}
	if q.Has("code_challenge") != (q.Get("code_challenge_method") == "S256") {
		return invalidRequest("A code_challenge goes with the code_challenge_method S256.")
	}
	// The form's answer leads back to the App, which the policy must allow.
	v.formTarget = back.Scheme + "://" + back.Host
	var people []string
	for _, a := range v.people() {
		people = append(people, a.Login)
	}
	return v.show("authorize.html", "Sign in to "+v.cfg.AppSlug, struct {
		App, Back, State, Challenge string
		People                      []string
	}{v.cfg.AppSlug, back.String(), q.Get("state"), q.Get("code_challenge"), people})
}

func authorize(v *visit) error {
	by, err := v.somebody()
	if err != nil {
		return err
	}
	back, err := url.Parse(v.r.PostForm.Get("redirect_uri"))
	if err != nil || back.Host == "" {
		return invalidRequest("The redirect_uri is wrong.")
	}
	code := v.newCode(by, back.String(), v.r.PostForm.Get("code_challenge"))
	q := back.Query()
	q.Set("code", code)
	q.Set("state", v.r.PostForm.Get("state"))
	back.RawQuery = q.Encode()
	v.redirect, v.formTarget = back.String(), back.Scheme+"://"+back.Host
	return nil
}

func (s *Server) newCode(by *account, back, challenge string) string {
	code := strings.TrimPrefix(s.newToken(&token{}, "code_"), "code_")
	delete(s.tokens, "code_"+code)
	s.logins[code] = oauthLogin{by, s.now().Add(codeLife), back, challenge}
	return code
}

// accessToken exchanges a code, once, for the user's token.
func accessToken(v *visit) error {
	form := v.r.PostForm
	login, known := v.logins[form.Get("code")]
	var answer obj
	switch {
	case form.Get("client_id") != clientID(v.cfg) || form.Get("client_secret") != v.clientSecret:
		answer = obj{"error": "incorrect_client_credentials", "error_description": "The client_id and/or client_secret passed are incorrect."}
	case !known || !login.expires.After(v.now()):
		answer = obj{"error": "bad_verification_code", "error_description": "The code passed is incorrect or expired."}
	case form.Has("redirect_uri") && form.Get("redirect_uri") != login.back:
		answer = obj{"error": "redirect_uri_mismatch", "error_description": "The redirect_uri MUST match the registered callback URL for this application."}
	case login.challenge != "" && challengeOf(form.Get("code_verifier")) != login.challenge:
		answer = obj{"error": "bad_verification_code", "error_description": "The code passed is incorrect or expired."}
	default:
		delete(v.logins, form.Get("code"))
		t := v.newToken(&token{user: login.user, expires: v.now().Add(userTokenLife)}, "ghu_")
		answer = obj{"access_token": t, "token_type": "bearer", "scope": "", "expires_in": int(userTokenLife.Seconds())}
	}
	if strings.Contains(v.r.Header.Get("Accept"), "json") {
		v.rawType = "application/json; charset=utf-8"
		var err error
		v.raw, err = json.Marshal(answer)
		return err
	}
	values := url.Values{}
	for name, value := range answer {
		values.Set(name, strings.Trim(jsonText(value), `"`))
	}
	v.raw, v.rawType = []byte(values.Encode()), "application/x-www-form-urlencoded; charset=utf-8"
	return nil
}

// challengeOf is what a PKCE verifier answers (RFC 7636, S256).
func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func jsonText(v any) string {
	text, err := json.Marshal(v)
	must(err)
	return string(text)
}
