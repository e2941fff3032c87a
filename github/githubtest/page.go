package githubtest

import "net/http"

// oauthLogin is a sign-in under way.
type oauthLogin struct{}

func (s *Server) newPages() http.Handler { return http.NotFoundHandler() }
