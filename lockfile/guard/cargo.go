package guard

// The settings of cargo and rustup. Sources: The Cargo Book, "Configuration",
// "Unstable Features", "Source Replacement" and "Overriding Dependencies"; The
// rustup book, "Overrides".

// unknownWhy is said of a setting that no table has.
const unknownWhy = "is not known to be harmless"

var cargoConfig = kind{
	read:      readTOML,
	otherwise: unknownWhy,
	rules: compile([]rule{
		// Harmless: how fast, how loud and where to, but not what.
		{keys: "build.jobs build.target-dir build.build-dir build.incremental build.pipelining build.dep-info-basedir"},
		{keys: "cache.auto-clean-frequency cargo-new future-incompat-report term net.retry net.offline"},
		// Code generation alone. A profile's rustflags and codegen-backend are not here.
		{keys: "profile.*.inherits"},
	}, below("profile.*", codeGeneration), below("profile.*.build-override", codeGeneration), below("profile.*.package.*", codeGeneration), []rule{
		{keys: "source.*.replace-with", why: "sends downloads of this source elsewhere"},
		{keys: "source", why: "says where packages are downloaded from"},
		{keys: "registry.token registries.*.token registry.secret-key registries.*.secret-key", why: "is a secret that signs in to a registry", secret: true},
		{keys: "registry.credential-provider registry.global-credential-providers registries.*.credential-provider credential-alias.*", why: "runs a program for credentials", whole: true},
		{keys: "registry registries", why: "says where a registry is and how it is asked"},
		{keys: "patch.*.*", why: "takes this package from elsewhere", whole: true, named: true},
		{keys: "patch paths", why: "takes packages from elsewhere"},
		{keys: "include", why: "draws in another file of settings"},
		{keys: "alias.*", why: "decides what a command of cargo runs, and can hide a program of that name", whole: true},
		{keys: "build.rustc build.rustc-wrapper build.rustc-workspace-wrapper build.rustdoc", why: "runs this program for the compiler"},
		{keys: "build.rustflags build.rustdocflags", why: "hands flags to the compiler, which can run a linker and load code"},
		{keys: "build.target", why: "builds for another platform, or one that a file describes"},
		{keys: "doc.browser", why: "runs this program", whole: true},
		{keys: "env.*", why: "sets a variable for the compiler and for build scripts", whole: true},
		{keys: "target.*.linker target.*.ar target.*.runner host.linker host.runner host.*.linker host.*.runner", why: "runs this program while building or testing", whole: true},
		{keys: "target.*.rustflags target.*.rustdocflags host.rustflags host.*.rustflags", why: "hands flags to the compiler, which can run a linker and load code"},
		{keys: "target host", why: "stands in for a build script, or changes how a platform is built for"},
		{keys: "http.proxy", why: "sends downloads through this proxy"},
		{keys: "http.cainfo http.proxy-cainfo http.check-revoke http.ssl-version net.ssh", why: "changes which servers are trusted"},
		{keys: "http", why: "changes how packages are downloaded"},
		{keys: "net.git-fetch-with-cli", why: "fetches with whatever program is called git"},
		{keys: "install", why: "changes where programs are installed"},
		{keys: "profile", why: "is an option of a profile that is not known to be code generation alone"},
		{keys: "resolver", why: "changes which versions are chosen"},
		{keys: "unstable", why: "turns on what is not settled in cargo"},
	}),
}

// codeGeneration: The Cargo Book, "Profiles".
var codeGeneration = []rule{
	{keys: "opt-level debug split-debuginfo strip debug-assertions overflow-checks lto panic incremental codegen-units rpath"},
}

var cargoManifest = kind{
	read: readTOML,
	rules: compile([]rule{
		{keys: "patch.*.* replace.*", why: "takes this package from elsewhere", whole: true, named: true},
		{keys: "patch replace", why: "takes packages from elsewhere"},
	}),
}

var toolchainRules = compile([]rule{
	{keys: "toolchain.channel", why: "decides which compiler builds"},
	{keys: "toolchain.path", why: "builds with a compiler of this place"},
	{keys: "toolchain.components toolchain.profile", why: "decides which parts of the toolchain are installed"},
	{keys: "toolchain.targets", why: "decides which platforms can be built for"},
})

var (
	toolchain     = kind{read: readToolchain, rules: toolchainRules, otherwise: unknownWhy}
	toolchainTOML = kind{read: readTOML, rules: toolchainRules, otherwise: unknownWhy}
)
