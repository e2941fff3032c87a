// Package lockkeeper is the dictionary of Lockkeeper: the few values that every
// other package speaks of. It does no I/O.
//
// # The tour
//
// Building software runs code that nobody looked at. Lockkeeper reads the
// lockfile changes of a pull request, finds the packages that gained or changed
// such code, or that another publisher released, and holds the pull request
// until a reviewer signs off on an allowlist that the repository's own owners
// keep. It is one straight line, and the packages below stand in its order;
// each imports only those above it.
//
//   - lockfile, with lockfile/cargo and lockfile/python, reads both sides of a
//     change and tells what was added, removed, updated, moved or altered.
//     lockfile/formats knows them all; lockfile/guard reads the settings beside
//     them that alter what they mean.
//   - registry, with registry/cratesio and registry/pypi, says who published a
//     release, when, and of which files it consists, and who owns the package.
//     registry/provenance verifies what signatures say of it, registry/advisory knows
//     which releases are malicious. registry/registrytest serves the registries'
//     formats on loopback, and signs as registry/provenance/provenancetest can.
//   - archive opens those files: bounded, checked against the lockfile's digest,
//     never run.
//   - buildcode, with buildcode/rust and buildcode/python, finds in an archive
//     the code that runs while the package is built or installed, and what that
//     code is able to do. buildcode/script reads the scripts of both: shell,
//     make, CMake, Meson, m4.
//   - allowlist reads what owners accepted, and edits it without disturbing
//     what they wrote.
//   - policy holds the owners' rules and decides: a pure function from findings,
//     policy, allowlist and sign-offs to a decision with its reasons.
//   - scan is the pipeline itself, readable from top to bottom.
//   - report renders one result for terminals, Markdown, JSON and check runs, report/html
//     for browsers.
//   - docs holds the pages about rules and the JSON Schemas; docs/schematest holds the
//     schemas against the code.
//   - replay goes through changes of the past: what a policy would have asked.
//   - gitrepo and github bring the two sides: from a local repository, or from
//     GitHub. github also reads the public repositories that packages come from.
//     github/githubtest is a GitHub on loopback.
//   - store and queue keep sign-offs, facts and jobs, so that nothing is lost, in
//     SQLite or PostgreSQL. store/storetest is the suite that both pass, with a
//     throw-away PostgreSQL from store/storetest/pgtest.
//   - stage marks the parts of a job; metrics counts them, and what else operators
//     ask about, and tracing sends them to a collector.
//   - server answers webhooks, runs jobs and writes the check run and the one
//     comment. server/pages is what people see in a browser, server/pages/browsertest
//     looks at it in one. server/setup is the page of a server that is not configured
//     yet: it has the GitHub App made.
//   - config is the server's own configuration; cmd/lockkeeper is the command,
//     cmd/lockkeeper/setuptest runs it as somebody has it who never had it before.
package lockkeeper
