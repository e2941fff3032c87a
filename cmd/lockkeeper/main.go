// Command lockkeeper finds packages that gained build-time code or changed hands
// in a lockfile change, and serves the GitHub App that holds such a pull request
// until a reviewer signs off.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/config/strict"
)

// Exit codes, a promise to scripts.
const (
	exitOK      = 0 // nothing to do
	exitFailed  = 1 // could not finish
	exitUsage   = 2 // wrong usage
	exitSignOff = 3 // a sign-off is needed
	exitBlocked = 4 // blocked or rejected
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
}

// cli is every command. Each has a file of its own.
type cli struct {
	Scan    scanCmd    `cmd:"" help:"Judge what a change does to the lockfiles of this repository."`
	Init    initCmd    `cmd:"" help:"Show what is locked here and write a commented policy and allowlist."`
	Explain explainCmd `cmd:"" help:"Say what a rule means, why it exists and what to do."`
	Demo    demoCmd    `cmd:"" help:"Show the whole thing on this machine, without network."`
	Doctor  doctorCmd  `cmd:"" help:"Check what Lockkeeper needs, and say what to do."`
	Diff    diffCmd    `cmd:"" help:"Judge the difference of two lockfiles."`
	Allow   allowCmd   `cmd:"" help:"Read, extend and prune the allowlist."`
	Policy  policyCmd  `cmd:"" help:"Check, explain and try the policy."`
	Action  actionCmd  `cmd:"" help:"Scan in GitHub Actions: annotations, job summary, SARIF, comment."`
	Serve   serveCmd   `cmd:"" help:"Run the GitHub App."`
	Setup   setupCmd   `cmd:"" help:"Make the GitHub App without the page of serve."`
	Audit   auditCmd   `cmd:"" help:"Export who decided what, when and from where."`
	Owners  ownersCmd  `cmd:"" help:"Give the server a start with the history of owners."`
	Store   storeCmd   `cmd:"" help:"Back up the server's database, bring it up to date, or move it to PostgreSQL."`
	Ready   readyCmd   `cmd:"" help:"Ask a running server whether it is ready."`

	Completion completionCmd `cmd:"" help:"Print the completion for a shell."`
	Complete   completeCmd   `cmd:"" hidden:"" help:"Complete a command line, for the shells' scripts."`
	Man        manCmd        `cmd:"" help:"Print the manual page."`
	Version    versionCmd    `cmd:"" help:"Print the version."`

	Quiet   bool `short:"q" help:"Only what needs somebody."`
	Verbose bool `short:"v" help:"Tell on standard error what is done."`
}

// process is what a command gets from its surroundings.
type process struct {
	ctx            context.Context
	env            []string
	stdin          io.Reader
	stdout, stderr io.Writer
	// model is the command line that there is, for completion and the manual.
	model *kong.Node
	// quiet and verbose are what the user wants to hear.
	quiet, verbose bool
}

// exitCode ends a command with a code and without a message.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

// usageError is the user's mistake in calling the program.
type usageError struct{ error }

func run(ctx context.Context, args, env []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var c cli
	exited := -1
	parser, err := newParser(&c, kong.Writers(stdout, stderr), kong.Exit(func(code int) { exited = code }))
	if err != nil {
		fmt.Fprintln(stderr, "lockkeeper:", err)
		return exitFailed
	}
	switch {
	case len(args) == 0:
		args = []string{"--help"}
	case args[0] == "help":
		args = append(slices.Clone(args[1:]), "--help")
	}
	command, err := parser.Parse(args)
	if exited >= 0 { // --help was asked for
		return exited
	}
	if err != nil {
		see := append(commandWords(parser.Model.Node, args), "--help")
		fmt.Fprintf(stderr, "lockkeeper: %v\nSee: lockkeeper %s\n", err, strings.Join(see, " "))
		return exitUsage
	}
	p := &process{ctx: ctx, env: env, stdin: stdin, stdout: stdout, stderr: stderr, quiet: c.Quiet, verbose: c.Verbose, model: parser.Model.Node}
	if p.verbose {
		p.ctx = verboseLog(p).WithContext(ctx)
	}
	err = command.Run(p)
	var code exitCode
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &usage):
		fmt.Fprintln(stderr, "lockkeeper:", err)
		return exitUsage
	default:
		fmt.Fprintln(stderr, "lockkeeper:", err)
		fmt.Fprint(stderr, caret(err))
		return exitFailed
	}
}

// caret shows the line of a file that an error is about, where it is about one.
func caret(err error) string {
	var at *strict.Error
	if !errors.As(err, &at) {
		return ""
	}
	return at.Caret()
}

// newParser reads command lines into c.
func newParser(c *cli, more ...kong.Option) (*kong.Kong, error) {
	return kong.New(c, append([]kong.Option{
		kong.Name("lockkeeper"),
		kong.Description("Holds lockfile changes that bring in build-time code or new publishers until a reviewer signs off. Example: lockkeeper scan --all\n\nExit codes: 0 nothing to do, 1 could not finish, 2 wrong usage, 3 sign-off needed, 4 blocked."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
	}, more...)...)
}

// verboseLog writes what is done, for people.
func verboseLog(p *process) zerolog.Logger {
	_, terminal := terminalWidth(p.stderr)
	out := zerolog.ConsoleWriter{Out: p.stderr, TimeFormat: "15:04:05.000", NoColor: !terminal || p.getenv("NO_COLOR") != ""}
	return zerolog.New(out).Level(zerolog.DebugLevel).With().Timestamp().Logger()
}

// commandWords are the leading words of args that name a command.
func commandWords(of *kong.Node, args []string) []string {
	var words []string
	for _, a := range args {
		i := slices.IndexFunc(of.Children, func(n *kong.Node) bool { return n.Type == kong.CommandNode && n.Name == a })
		if i < 0 {
			break
		}
		of, words = of.Children[i], append(words, a)
	}
	return words
}

func (p *process) getenv(name string) string {
	for i := len(p.env) - 1; i >= 0; i-- {
		if value, ok := strings.CutPrefix(p.env[i], name+"="); ok {
			return value
		}
	}
	return ""
}
