package guard

import "strings"

// What is said of the same setting of several tools.
const (
	indexWhy    = "says where packages are downloaded from"
	elsewhere   = "takes this package from elsewhere"
	buildWhy    = "decides what runs when this project is built"
	trustWhy    = "changes which servers are trusted"
	proxyWhy    = "sends downloads through this proxy"
	versionsWhy = "changes which versions are chosen"
	sdistWhy    = "changes whether packages are built from source"
	backendWhy  = "changes how packages are built"
	signInWhy   = "says how to sign in where packages are downloaded from or published"
	publishWhy  = "decides where this project is published"
	cacheWhy    = "takes packages from a cache in this place"
)

// uvRules: uv's reference, "Settings".
var uvRules = []rule{
	// Harmless: what this project is, how fast and how loud.
	{keys: "managed package default-groups required-version cache-keys dev-dependencies dependency-groups workspace build-backend"},
	{keys: "conflicts environments required-environments add-bounds"}, // they show in the lock
	{keys: "compile-bytecode link-mode concurrent-builds concurrent-downloads concurrent-installs no-cache offline reinstall reinstall-package"},
	{keys: "pip.compile-bytecode pip.link-mode pip.annotation-style pip.no-annotate pip.no-header pip.custom-compile-command pip.emit-* pip.no-emit-*"},

	{keys: "sources.*", why: elsewhere, whole: true, named: true},
	{keys: "index index-url extra-index-url find-links no-index sources no-sources no-sources-package", why: indexWhy},
	{keys: "pip.index pip.index-url pip.extra-index-url pip.find-links pip.no-index pip.no-sources pip.no-sources-package pip.torch-backend torch-backend", why: indexWhy},
	{keys: "index-strategy pip.index-strategy", why: "changes which of several indexes a package may come from"},
	{keys: "no-build no-build-package no-binary no-binary-package pip.no-build pip.no-binary pip.only-binary", why: sdistWhy},
	{keys: "build-constraint-dependencies no-build-isolation* extra-build-dependencies extra-build-variables config-settings*", why: backendWhy},
	{keys: "pip.no-build-isolation* pip.extra-build-dependencies pip.extra-build-variables pip.config-settings*", why: backendWhy},
	{keys: "constraint-dependencies override-dependencies exclude-dependencies dependency-metadata pip.dependency-metadata", why: "replaces what packages say that they depend on"},
	{keys: "exclude-newer* pip.exclude-newer*", why: "changes how old a release has to be"},
	{keys: "resolution prerelease fork-strategy upgrade* pip.resolution pip.prerelease pip.fork-strategy pip.upgrade*", why: versionsWhy},
	{keys: "pip.require-hashes pip.verify-hashes pip.generate-hashes pip.no-verify-hashes", why: "changes whether hashes are checked"},
	{keys: "allow-insecure-host trusted-host native-tls system-certs pip.allow-insecure-host pip.trusted-host", why: trustWhy},
	{keys: "http-proxy https-proxy no-proxy", why: proxyWhy},
	{keys: "keyring-provider pip.keyring-provider", why: "runs a program for credentials"},
	{keys: "python-install-mirror pypy-install-mirror python-downloads-json-url", why: "says where Python is downloaded from"},
	{keys: "python-preference python-downloads pip.python", why: "decides which Python runs"},
	{keys: "publish-url check-url trusted-publishing", why: publishWhy},
	{keys: "cache-dir", why: cacheWhy},
	{keys: "preview preview-features", why: "turns on what is not settled in uv"},
}

var uvConfig = kind{read: readTOML, rules: compile(uvRules), otherwise: unknownWhy}

// pyproject: PyPA specifications, "pyproject.toml specification"; the references
// of Poetry ("The pyproject.toml file"), PDM ("[tool.pdm]", "Lifecycle and Hooks")
// and Hatch ("Build configuration"). Under [tool] only that of uv is all settings.
var pyproject = kind{read: readTOML, rules: compile(
	[]rule{{keys: "build-system", why: buildWhy}},
	below("tool.uv", uvRules),
	[]rule{
		{keys: "tool.uv", why: unknownWhy},
		{keys: "tool.poetry.source", why: indexWhy},
		{keys: "tool.poetry.requires-plugins.*", why: "installs a plugin, which runs inside Poetry", whole: true, named: true},
		{keys: "tool.poetry.requires-plugins", why: "installs plugins, which run inside Poetry"},
		{keys: "tool.poetry.build", why: buildWhy},
		{keys: "tool.pdm.source", why: indexWhy},
		{keys: "tool.pdm.resolution.overrides.* tool.pdm.overrides.*", why: "replaces what packages say that they depend on", whole: true, named: true},
		{keys: "tool.pdm.resolution tool.pdm.overrides tool.pdm.allow_prereleases", why: versionsWhy},
		{keys: "tool.pdm.plugins", why: "installs a plugin, which runs inside PDM"},
		{keys: "tool.pdm.options", why: "adds options to what PDM is asked to do"},
		{keys: "tool.pdm.scripts.pre_* tool.pdm.scripts.post_*", why: "runs before or after a command of PDM", whole: true},
		{keys: "tool.pdm.build.setup-script tool.pdm.build.run-setuptools", why: buildWhy},
		{keys: "tool.hatch.build.hooks tool.hatch.build.targets.*.hooks tool.hatch.metadata.hooks", why: buildWhy},
	},
)}

// pipfile: pipenv's documentation, "Pipfile & Pipfile.lock".
var pipfile = kind{read: readTOML, rules: compile([]rule{
	{keys: "pipenv.sort_pipfile"},
	{keys: "source", why: indexWhy},
	{keys: "pipenv.allow_prereleases", why: versionsWhy},
	{keys: "pipenv.install_search_all_sources", why: "changes which of several indexes a package may come from"},
	{keys: "pipenv", why: "changes how pipenv installs"},
})}

// pdmConfig: PDM's reference, "Configurations".
var pdmConfig = kind{read: readTOML, otherwise: unknownWhy, rules: compile([]rule{
	{keys: "check_update request_timeout theme scripts.show_header global_project.fallback_verbose"},
	{keys: "install.parallel parallel_install strategy.save strategy.resolve_max_rounds venv.in_project venv.prompt venv.with_pip"},

	{keys: "pypi.verify_ssl pypi.ca_certs pypi.client_cert pypi.client_key pypi.*.verify_ssl pypi.*.ca_certs", why: trustWhy},
	{keys: "pypi.username pypi.password pypi.*.username pypi.*.password", why: signInWhy},
	{keys: "pypi", why: indexWhy},
	{keys: "repository", why: publishWhy},
	{keys: "build_isolation", why: backendWhy},
	{keys: "strategy", why: versionsWhy},
	{keys: "python venv", why: "decides which Python runs"},
	{keys: "cache_dir install.cache install.cache_method feature.install_cache*", why: cacheWhy},
	{keys: "use_uv", why: "decides which program installs"},
})}

// poetryConfig: Poetry's documentation, "Configuration".
var poetryConfig = kind{read: readTOML, otherwise: unknownWhy, rules: compile([]rule{
	{keys: "virtualenvs.create virtualenvs.in-project virtualenvs.prompt virtualenvs.prefer-active-python virtualenvs.use-poetry-python"},
	{keys: "virtualenvs.options.always-copy virtualenvs.options.no-pip virtualenvs.options.no-setuptools"},
	{keys: "installer.parallel installer.max-workers requests.max-retries solver.lazy-wheel"},

	{keys: "repositories", why: "says where packages are downloaded from or published"},
	{keys: "certificates", why: trustWhy},
	{keys: "pypi-token", why: signInWhy, secret: true},
	{keys: "http-basic keyring", why: signInWhy},
	{keys: "installer.no-binary installer.only-binary", why: sdistWhy},
	{keys: "installer.build-config-settings", why: backendWhy},
	{keys: "installer", why: "changes how packages are installed"},
	{keys: "virtualenvs", why: "changes which packages the environment has besides those of the lock"},
	{keys: "system-git-client experimental.system-git-client", why: "fetches with whatever program is called git"},
	{keys: "cache-dir", why: cacheWhy},
})}

// pipConfig: pip's documentation, "Configuration", and the options of each command
// of its "Commands". A section is of one command; which one makes no difference.
var pipConfig = kind{read: readINI, otherwise: unknownWhy, option: pipOption, rules: compile([]rule{
	{keys: "*.timeout *.default-timeout *.retries *.disable-pip-version-check *.no-python-version-warning *.no-color *.quiet *.verbose *.progress-bar"},
	{keys: "*.require-virtualenv *.no-input *.no-cache-dir *.no-warn-script-location *.no-warn-conflicts *.root-user-action *.format list.outdated list.not-required"},

	{keys: "*.index-url *.pypi-url *.extra-index-url *.no-index *.find-links", why: indexWhy},
	{keys: "*.trusted-host *.cert *.client-cert", why: trustWhy},
	{keys: "*.proxy", why: proxyWhy},
	{keys: "*.no-binary *.only-binary *.prefer-binary", why: sdistWhy},
	{keys: "*.no-build-isolation *.build-isolation *.use-pep517 *.no-use-pep517 *.global-option *.build-option *.install-option *.config-settings *.build-constraint", why: backendWhy},
	{keys: "*.constraint *.requirement *.editable", why: "draws in further packages or pins"},
	{keys: "*.pre *.upgrade *.upgrade-strategy *.force-reinstall *.ignore-requires-python *.no-deps", why: versionsWhy},
	{keys: "*.require-hashes", why: "changes whether hashes are checked"},
	{keys: "*.keyring-provider", why: "runs a program for credentials"},
	{keys: "*.target *.prefix *.root *.user *.src *.python", why: "changes where packages are installed"},
	{keys: "*.cache-dir", why: cacheWhy},
	{keys: "*.use-feature *.use-deprecated", why: "changes how pip works"},
})}

// pipOption is how pip spells the names of options before it looks at them.
func pipOption(name string) string {
	return strings.TrimPrefix(strings.ReplaceAll(strings.ToLower(name), "_", "-"), "--")
}

// pypirc: Python Packaging User Guide, "The .pypirc file".
var pypirc = kind{read: readINI, option: strings.ToLower, otherwise: publishWhy, rules: compile([]rule{
	{keys: "*.username *.password", why: signInWhy},
})}

// setupConfig: setuptools' documentation, "Configuring setuptools using setup.cfg
// files", and its page on easy_install.
var setupConfig = kind{read: readINI, option: setupOption, rules: compile([]rule{
	{keys: "easy_install", why: indexWhy},
	{keys: "options.setup_requires", why: buildWhy},
	// What stands there stands in every section.
	{keys: "DEFAULT.index_url DEFAULT.find_links DEFAULT.allow_hosts", why: indexWhy},
	{keys: "DEFAULT.setup_requires", why: buildWhy},
})}

// setupOption is how setuptools spells the names of options.
func setupOption(name string) string {
	return strings.ReplaceAll(strings.ToLower(name), "-", "_")
}
