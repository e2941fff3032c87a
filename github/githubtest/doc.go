// Package githubtest is a GitHub on loopback: an [http.Handler] with state that
// speaks the part of GitHub's REST API, of its webhooks and of its pages that a
// GitHub App for pull requests needs. Tests use it, and so does the command's
// demonstration, so nothing in it asks for a testing.T.
//
// # What it promises
//
//   - Git data is real. Trees, blobs, commits, refs and merge bases are go-git
//     objects in memory, so their ids are those that git itself computes.
//   - Requests and answers have the shapes of GitHub's own OpenAPI description;
//     package contract checks both on the wire, and the tests of this package run
//     through it. Webhook payloads have the shapes of GitHub's webhook schemas.
//   - Tokens are checked as GitHub checks them: the App's RS256 assertion by
//     signature, issuer and time; an installation's token by its expiry, its
//     repositories and its permissions. What a token cannot see is a 404.
//   - Everything that GitHub would tell a webhook is told, in order, signed, and
//     recorded. Tests drop, hold, duplicate and replay deliveries.
//   - A [Fault] strikes before or after a request's effect has landed.
//
// # What it leaves out
//
// Whatever no part of Lockkeeper calls: GraphQL, issues that are no pull
// requests, releases, Actions. Merges are decided per file: a file changed on
// both sides conflicts, where git would merge its lines. Permissions of users
// are what [Repo.SetPermission] says; a team grants membership only.
//
// The functions that build and change the world panic when they are asked for
// the impossible (a commit on a branch that is not there, a comment by somebody
// unknown): the caller wrote the script and has to correct it. What people and
// programs send over HTTP is answered with GitHub's error instead.
package githubtest
