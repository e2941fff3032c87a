package python

import (
	"regexp"
	"strings"

	"github.com/lockkeeper/lockkeeper/buildcode"
)

// action says how a call of a sensitive function is to be read.
type action uint8

const (
	nameIt      action = iota // naming it is all there is to know
	shellArg0                 // argument 0 is a shell's command line
	commandArg                // argument 0 is an argument vector, or with shell=True a command line
	programArg                // argument 0 is a program
	programArg1               // argument 1 is a program
	codeArg                   // argument 0 is code
	fileArg                   // argument 0 is a file of code
	fileArg1                  // argument 1 is a file of code
	importArg                 // argument 0 is the name of a module
	decodeArg                 // argument 0 is decoded
)

// effect is what a name is able to do.
type effect struct {
	capability buildcode.Capability
	action     action
}

// effects are sensitive names. A longer name inherits from the longest entry that
// it extends at a dot; an entry without a capability is harmless.
var effects = buildEffects(map[effect]string{
	{buildcode.RunUnknown, shellArg0}: `os.system os.popen os.popen2 os.popen3 os.popen4 posix.system nt.system posix.popen nt.popen subprocess.getoutput
		subprocess.getstatusoutput commands asyncio.create_subprocess_shell platform.popen popen2 pexpect.run
		?.system ?.popen ?.popen2 ?.popen3 ?.popen4 ?.getoutput ?.getstatusoutput ?.create_subprocess_shell`,
	{buildcode.RunUnknown, commandArg}: `subprocess pty.spawn distutils.spawn.spawn setuptools._distutils.spawn.spawn numpy.distutils.exec_command
		pexpect plumbum sh invoke fabric trio.run_process anyio.run_process
		?.Popen ?.check_output ?.check_call ?.spawn ?.exec_command`,
	{buildcode.RunUnknown, programArg}: `os.execl os.execle os.execlp os.execlpe os.execv os.execve os.execvp os.execvpe os.posix_spawn os.posix_spawnp os.startfile
		posix.execv posix.execve posix.posix_spawn posix.posix_spawnp nt.execv nt.execve nt.startfile asyncio.create_subprocess_exec pexpect.spawn
		?.execl ?.execle ?.execlp ?.execlpe ?.execv ?.execve ?.execvp ?.execvpe ?.posix_spawn ?.posix_spawnp ?.startfile ?.create_subprocess_exec`,
	{buildcode.RunUnknown, programArg1}: `os.spawnl os.spawnle os.spawnlp os.spawnlpe os.spawnv os.spawnve os.spawnvp os.spawnvpe nt.spawnv nt.spawnve
		asyncio.subprocess_exec ?.subprocess_exec ?.subprocess_shell ?.spawnl ?.spawnle ?.spawnlp ?.spawnlpe ?.spawnv ?.spawnve ?.spawnvp ?.spawnvpe`,
	// The standard library asks these programs.
	{buildcode.Run("uname"), nameIt}:    `platform.platform platform.processor platform.uname`,
	{buildcode.Run("ldconfig"), nameIt}: `ctypes.util.find_library`,
	{buildcode.Run("ifconfig"), nameIt}: `uuid.getnode uuid.uuid1`,
	// A process that runs Python code of the package, which speaks for itself.
	{buildcode.Run("python"), nameIt}: `multiprocessing.Process multiprocessing.Pool multiprocessing.Manager multiprocessing.get_context multiprocessing.set_executable multiprocessing.pool.Pool
		multiprocessing.process multiprocessing.context multiprocessing.spawn multiprocessing.popen_fork multiprocessing.popen_spawn_posix concurrent.futures.ProcessPoolExecutor concurrent.futures.process
		venv.create venv.main venv.EnvBuilder ?.ProcessPoolExecutor`,
	{buildcode.RunUnknown, nameIt}: `os.fork os.forkpty posix.fork posix.forkpty pty.fork ?.fork ?.forkpty _posixsubprocess _winapi.CreateProcess _subprocess win32process win32api.ShellExecute win32com webbrowser
		?.fork_exec ?.CreateProcess ?.ShellExecute ?.ShellExecuteEx`,
	{buildcode.Network, nameIt}: `socket _socket ssl _ssl socketserver SocketServer http.client http.server httplib httplib2 urllib.request urllib.urlopen
		urllib.urlretrieve urllib.URLopener urllib.FancyURLopener urllib2 urllib3 requests requests_toolbelt httpx httpcore aiohttp ftplib smtplib smtpd poplib imaplib
		telnetlib nntplib paramiko asyncssh websocket websockets wsproto xmlrpc xmlrpclib SimpleXMLRPCServer BaseHTTPServer dns dnslib pycurl wget twisted
		tornado.httpclient tornado.simple_httpclient boto boto3 botocore grpc zmq scapy pysftp telegram discord slack_sdk
		asyncio.open_connection asyncio.start_server asyncio.open_unix_connection multiprocessing.connection multiprocessing.managers setuptools.package_index
		pip.main pip._internal.main pip._internal.cli pip._internal.commands pip._internal.network pip._internal.download pip.commands pip.download setuptools.command.easy_install setuptools.installer
		logging.handlers.SocketHandler logging.handlers.DatagramHandler logging.handlers.SMTPHandler logging.handlers.HTTPHandler logging.handlers.SysLogHandler
		antigravity urllib.robotparser wsgiref.simple_server asyncore asynchat fsspec requests_cache niquests treq curl_cffi mechanize tornado.tcpclient trio.open_tcp_stream anyio.connect_tcp
		redis pymongo pika kafka psycopg2 pymysql ldap3 huggingface_hub gdown dulwich docker
		ensurepip distutils.command.upload distutils.command.register six.moves.urllib.request
		?.urlopen ?.urlretrieve ?.create_connection ?.create_server ?.open_connection ?.getaddrinfo ?.gethostbyname ?.gethostbyname_ex ?.connect_ex ?.fetch_build_eggs
		?.create_datagram_endpoint ?.create_unix_connection ?.sock_connect ?.open_tcp_stream ?.connect_tcp`,
	{buildcode.LoadCode, nameIt}: `ctypes _ctypes cffi.FFI.dlopen pickle cPickle _pickle dill cloudpickle shelve joblib.load code codeop zipimport imp
		types.FunctionType types.CodeType types.LambdaType sys.meta_path sys.path_hooks sys.path_importer_cache sys.settrace sys.setprofile sys.addaudithook codecs.register
		importlib.machinery.ExtensionFileLoader importlib.machinery.SourcelessFileLoader importlib.machinery.PathFinder importlib.machinery.FileFinder
		importlib._bootstrap importlib._bootstrap_external _imp _frozen_importlib _frozen_importlib_external importlib.reload
		importlib.util.module_from_spec importlib.abc
		pkgutil.get_loader pkgutil.find_loader pkgutil.get_importer logging.config bdb trace pdb doctest jinja2.Template
		gc.get_objects gc.get_referents gc.get_referrers sys.monitoring setuptools.sandbox site.addpackage site.addsitepackages site.main site.execsitecustomize site.execusercustomize
		importlib.metadata.EntryPoint importlib.metadata.EntryPoints importlib.metadata.entry_points pkg_resources.EntryPoint pkg_resources.iter_entry_points pkg_resources.load_entry_point
		pkg_resources.get_entry_map pkg_resources.run_script pkg_resources.run_main unittest.main unittest.TestProgram unittest.TestLoader unittest.defaultTestLoader unittest.loader pytest.main nose.run
		_xxsubinterpreters _interpreters concurrent.interpreters _testinternalcapi tkinter.Tcl tkinter.Tk _tkinter jsonpickle pandas.read_pickle pandas.eval
		?.load_extension ?.enable_load_extension ?.read_pickle
		mmap.PROT_EXEC _testcapi torch.load numpy.load yaml.load yaml.unsafe_load yaml.full_load yaml.UnsafeLoader
		?.dlopen ?.LoadLibrary ?.load_module ?.exec_module ?.get_code ?.load_dynamic ?.load_compiled ?.CDLL ?.WinDLL ?.unsafe_load
		?.__subclasses__ ?.__builtins__ ?.f_builtins ?.co_code ?.addaudithook`,
	{buildcode.LoadCode, codeArg}: `builtins.exec builtins.eval builtins.compile timeit.timeit timeit.repeat cProfile.run cProfile.runctx profile.run profile.runctx
		?.exec ?.eval ?.exec_ ?.runcode ?.runsource ?.push_source six.exec_`,
	{buildcode.LoadCode, fileArg}:  `runpy.run_path builtins.execfile pydoc.importfile distutils.core.run_setup setuptools._distutils.core.run_setup setuptools.sandbox.run_setup ?.run_setup ?.importfile ?.execfile ?.run_path`,
	{buildcode.LoadCode, fileArg1}: `imp.load_source importlib.util.spec_from_file_location importlib.machinery.SourceFileLoader ?.load_source ?.spec_from_file_location ?.SourceFileLoader`,
	{buildcode.LoadCode, importArg}: `builtins.__import__ importlib.import_module importlib.__import__ runpy.run_module pydoc.locate pydoc.safeimport pydoc.resolve pkgutil.resolve_name
		?.__import__ ?.import_module ?.run_module ?.resolve_name`,
	{buildcode.Decode, decodeArg}: `base64.b64decode base64.urlsafe_b64decode base64.standard_b64decode base64.b32decode base64.b32hexdecode base64.b16decode
		base64.b85decode base64.a85decode base64.z85decode base64.decodebytes base64.decodestring base64.decode binascii.a2b_base64 binascii.a2b_hex binascii.unhexlify
		binascii.a2b_uu binascii.a2b_qp zlib.decompress zlib.decompressobj lzma.decompress lzma.LZMADecompressor bz2.decompress bz2.BZ2Decompressor gzip.decompress
		builtins.bytes.fromhex builtins.bytearray.fromhex codecs.getdecoder uu.decode quopri.decodestring
		?.b64decode ?.urlsafe_b64decode ?.b32decode ?.b16decode ?.b85decode ?.a85decode ?.decodebytes ?.unhexlify ?.a2b_hex ?.a2b_base64 ?.fromhex ?.decompressobj`,
	{buildcode.Decode, nameIt}: `marshal Crypto.Cipher Cryptodome.Cipher cryptography.fernet cryptography.hazmat.primitives.ciphers nacl.secret`,
	{buildcode.Home, nameIt}:   `os.path.expanduser posixpath.expanduser ntpath.expanduser pathlib.Path.home pathlib.PosixPath.home appdirs platformdirs keyring pwd netrc getpass site.getuserbase site.getusersitepackages browser_cookie3 ?.expanduser`,
	{buildcode.Compile, nameIt}: `Cython pybind11 distutils.ccompiler setuptools._distutils.ccompiler distutils.sysconfig.customize_compiler setuptools_rust cffi.FFI cffi.api.FFI skbuild
		numpy.distutils torch.utils.cpp_extension mypyc nanobind scikit_build mesonpy scikit_build_core swig pkgconfig pythran pyximport distutils.msvccompiler distutils._msvccompiler
		setuptools.msvc`,
	// Harmless names beneath sensitive modules.
	{}: `subprocess.PIPE subprocess.STDOUT subprocess.DEVNULL subprocess.CalledProcessError subprocess.TimeoutExpired subprocess.SubprocessError subprocess.CompletedProcess
		subprocess.list2cmdline subprocess.STARTUPINFO subprocess.STARTF_USESHOWWINDOW subprocess.SW_HIDE subprocess.CREATE_NO_WINDOW subprocess.CREATE_NEW_PROCESS_GROUP
		pickle.PickleError pickle.PicklingError pickle.HIGHEST_PROTOCOL pickle.dumps pickle.dump
		urllib.request.pathname2url urllib.request.url2pathname urllib.request.quote urllib.request.unquote ssl.SSLError socket.error socket.timeout
		ctypes.sizeof ctypes.util ctypes.c_int ctypes.c_void_p ctypes.c_char_p ctypes.c_long ctypes.c_size_t ctypes.byref ctypes.POINTER ctypes.Structure
		imp.get_suffixes imp.get_magic imp.is_builtin imp.new_module trace.Trace getpass.getuser
		importlib.abc.Traversable importlib.util.cache_from_source numpy.distutils.__config__ platformdirs.__version__ code.__name__
		distutils.ccompiler.CompileError distutils.errors zmq.error`,
})

func buildEffects(table map[effect]string) map[string]effect {
	m := make(map[string]effect)
	for e, names := range table {
		for name := range strings.FieldsSeq(names) {
			if e.capability == "" {
				if _, found := m[name]; found {
					continue
				}
			}
			m[name] = e
		}
	}
	for name := range strings.FieldsSeq(table[effect{}]) {
		m[name] = effect{}
	}
	return m
}

// socketConstant matches numbers of modules socket and ssl, which open nothing.
var socketConstant = regexp.MustCompile(`^_?(?:socket|ssl)\.[A-Z0-9_]{2,}$`)

func isSocketConstant(p string) bool {
	// Every name is asked about, and few begin like that.
	return p != "" && (p[0] == 's' || p[0] == '_') && socketConstant.MatchString(p)
}

// effectOf is the effect of a dotted path and the name in the table that gave it.
func effectOf(p string) (effect, string) {
	if isSocketConstant(p) {
		return effect{}, ""
	}
	for name := p; name != ""; {
		if e, found := effects[name]; found {
			return e, name
		}
		i := strings.LastIndexByte(name, '.')
		if i < 0 {
			break
		}
		name = name[:i]
	}
	if last := p[strings.LastIndexByte(p, '.')+1:]; compileNames[last] && !strings.HasPrefix(p, "@") && !strings.HasPrefix(p, "?") {
		return effect{buildcode.Compile, nameIt}, p
	}
	return effect{}, ""
}

// compileNames are classes and functions that compile, from whatever helper.
var compileNames = set(`Extension build_ext build_clib cythonize Pybind11Extension CppExtension CUDAExtension CUDA_EXTENSION RustExtension MypycExtension mypycify new_compiler`)

// compileArguments of setup() make setuptools compile.
var compileArguments = set(`ext_modules cffi_modules rust_extensions ext_package cython_modules mypyc_modules libraries cmake_install_dir cmake_args`)

// sensitiveModules reach everything by attribute: as a bare value, or with an
// attribute that is not known, nothing can be said of what is done with them.
var sensitiveModules = set(`os posix nt sys subprocess builtins importlib ctypes pty imp runpy marshal pickle commands _posixsubprocess shutil.os os.__dict__
	sys.modules subprocess.__dict__ builtins.__dict__ sys.__dict__ importlib.__dict__ ctypes.__dict__ posix.__dict__ nt.__dict__`)

// rerooted modules are found again behind any other name: shutil.os is os.
var rerooted = map[string]string{"os": "os", "_os": "os", "sys": "sys", "_sys": "sys", "subprocess": "subprocess", "builtins": "builtins", "__builtin__": "builtins", "__builtins__": "builtins",
	"importlib": "importlib", "ctypes": "ctypes", "socket": "socket", "posix": "posix", "pty": "pty", "urllib2": "urllib2", "requests": "requests", "base64": "base64", "marshal": "marshal", "urllib3": "urllib3"}

// movedModules are other names of modules in the tables.
var movedModules = []struct{ from, to string }{
	{"__builtin__", "builtins"}, {"__builtins__", "builtins"}, {"six.moves", ""}, {"future.moves", ""}, {"pip._vendor", ""}, {"setuptools._vendor", ""}, {"setuptools.extern", ""}, {"pkg_resources.extern", ""},
	{"posixpath", "os.path"}, {"ntpath", "os.path"}, {"io.open", "builtins.open"}, {"codecs.open", "builtins.open"}, {"os.fdopen", "builtins.open"}, {"tokenize.open", "builtins.open"}, {"_io.open", "builtins.open"},
	{"subprocess32", "subprocess"}, {"importlib_metadata", "importlib.metadata"}, {"importlib_resources", "importlib.resources"}, {"cPickle", "pickle"}, {"_pickle", "pickle"}, {"gevent.subprocess", "subprocess"}, {"gevent.socket", "socket"},
	{"eventlet.green", ""}, {"billiard", "multiprocessing"}, {"os.path.expandvars", "os.environ"}, {"anyio.open_process", "asyncio.create_subprocess_exec"}, {"pathlib2", "pathlib"}, {"backports.lzma", "lzma"},
}

// external normalizes the dotted path of something outside of the archive.
func external(p string) string {
	if head, _, _ := strings.Cut(p, "."); movedHeads[head] {
		p = moved(p)
	}
	if rest, found := strings.CutPrefix(p, "builtins."); found && strings.HasPrefix(rest, "builtins.") {
		p = rest
	}
	// The last part but the first that is a module in its own right begins anew.
	head, _, _ := strings.Cut(p, ".")
	for end := len(p); ; {
		i := strings.LastIndexByte(p[:end], '.')
		if i < 0 {
			return p
		}
		if root := rerooted[p[i+1:end]]; root != "" && head != root {
			return root + p[end:]
		}
		end = i
	}
}

// movedHeads are what the names of moved modules begin with.
var movedHeads = func() map[string]bool {
	heads := make(map[string]bool)
	for _, m := range movedModules {
		head, _, _ := strings.Cut(m.from, ".")
		heads[head] = true
	}
	return heads
}()

// moved is p under the name that the tables know.
func moved(p string) string {
	for _, m := range movedModules {
		if rest, found := strings.CutPrefix(p, m.from); found && (rest == "" || rest[0] == '.') {
			if m.to == "" {
				rest = strings.TrimPrefix(rest, ".")
				if rest == "" {
					return p
				}
			}
			p = m.to + rest
		}
	}
	return p
}

// handled are names that the evaluator knows beyond their effects.
const handled = `sys.executable sys.path os.environ os.environb os.getenv os.getenvb os.putenv os.unsetenv sys.modules site.addsitedir codecs.decode codecs.encode codecs.lookup codecs.getdecoder
	importlib.util.module_from_spec pathlib.Path pathlib.PurePath pathlib.PosixPath pathlib.PurePosixPath os.path.join os.getcwd os.getcwdb os.path.dirname os.path.basename os.path.split os.path.splitext os.path.abspath os.path.realpath
	os.path.normpath os.path.normcase os.path.relpath os.fspath os.fsdecode os.fsencode shlex.quote pipes.quote textwrap.dedent inspect.cleandoc shutil.which distutils.spawn.find_executable setuptools._distutils.spawn.find_executable
	itertools.chain shlex.split distutils.util.split_quoted functools.partial functools.wraps sysconfig.get_config_var distutils.sysconfig.get_config_var
	pkgutil.get_data importlib.resources.read_text importlib.resources.read_binary importlib.resources.open_text importlib.resources.open_binary importlib.resources.files
	pkg_resources.resource_string pkg_resources.resource_stream pkg_resources.resource_filename linecache.getlines fileinput.input fileinput.FileInput os.open operator.attrgetter operator.itemgetter operator.methodcaller functools.reduce typing.TYPE_CHECKING ?.exec_module ?.load_module ?.setup ?.__name__`

// relevant are all names that mean something, and what leads to them.
var relevant = func() map[string]bool {
	m := make(map[string]bool)
	add := func(name string) {
		for m[name] = true; strings.Contains(name, "."); m[name] = true {
			name = name[:strings.LastIndexByte(name, '.')]
		}
	}
	for name := range effects {
		add(name)
	}
	for name := range strings.FieldsSeq(handled) {
		add(name)
	}
	for name := range fileFunctions {
		add(name)
	}
	for name := range setupFunctions {
		add(name)
	}
	for name := range sensitiveModules {
		add(name)
	}
	for _, moved := range movedModules {
		add(moved.from)
	}
	return m
}()

// outside is the value of a dotted path outside of the archive. What means
// nothing, and leads to nothing that does, is just unknown.
func outside(p string) value {
	if relevant[p] {
		return pathValue(p)
	}
	if _, entry := effectOf(p); entry != "" {
		return pathValue(shortened(p, entry))
	}
	// What is handled may have parts: sys.path.insert, pathlib.Path.home.
	// Only they themselves: names that grow with every attribute have no end.
	// Builtins have no others than the tables know.
	if i := strings.LastIndexByte(p, '.'); i > 0 && parts[p[:i]] && (p[:i] != "builtins" || builtinNames[p[i+1:]] || p == "builtins.unichr") {
		return pathValue(p)
	}
	return anything
}

// shortened is p without what lies between the entry of the table that gives p its
// effect and its last name: else "x = x.next" would make names without end.
func shortened(p, entry string) string {
	if !strings.HasPrefix(p, entry+".") || strings.Count(p[len(entry):], ".") < 2 {
		return p
	}
	short := entry + p[strings.LastIndexByte(p, '.'):]
	if _, own := effects[short]; own || relevant[short] {
		return entry
	}
	return short
}

// parts are handled things whose attributes are methods.
var parts = set(`sys.path os.environ os.environb sys.modules pathlib.Path builtins`)

// builtinNames are looked up when nothing in the file binds them.
var builtinNames = set(`exec eval compile open __import__ getattr setattr delattr hasattr globals locals vars dir type isinstance callable repr str bytes bytearray list tuple
	sorted set frozenset dict print id len map filter zip enumerate reversed next iter chr ord int execfile reload input raw_input any all min max sum range super property staticmethod
	classmethod object issubclass bool float format unicode file memoryview breakpoint abs round hash`)

// benignTakers do nothing with a module or function that they are handed.
var benignTakers = set(`builtins.hasattr builtins.isinstance builtins.issubclass builtins.callable builtins.id builtins.repr builtins.print builtins.type builtins.bool
	builtins.reload builtins.len`)

// harmlessEnv matches variables that belong to building anywhere.
var harmlessEnv = regexp.MustCompile(`^(?:CC|CXX|CPP|LD|AR|AS|NM|RANLIB|STRIP|FC|F77|F90|NVCC|SHELL|MAKE|MAKEFLAGS|NINJA|CFLAGS|CXXFLAGS|CPPFLAGS|LDFLAGS|FFLAGS|ARFLAGS|LIBS|LIBRARY_PATH|LD_LIBRARY_PATH|CPATH|INCLUDE|LIB|C_INCLUDE_PATH|CPLUS_INCLUDE_PATH|LDSHARED|ARCHFLAGS|PATH|PATHEXT|PREFIX|DESTDIR|TMPDIR|TEMP|TMP|LANG|LC_\w+|TERM|COLUMNS|NO_COLOR|` +
	`SOURCE_DATE_EPOCH|VIRTUAL_ENV|CONDA_\w+|PKG_CONFIG\w*|BUILD_?\w*|MAX_JOBS|CI|READTHEDOCS|TOX\w*|NOX\w*|` +
	`(?:PYTHON|PY|SETUPTOOLS|DISTUTILS|CIBW|CIBUILDWHEEL|CMAKE|CYTHON|MESON|SKBUILD|HATCH|POETRY|PDM|FLIT|MATURIN|CARGO|RUST|MACOSX|MACOS|VS|VC|MSVC|MSSDK|PROCESSOR|PROGRAMFILES|WINDOWSSDK|VERSIONEER|AUDITWHEEL|CUDA|ROCM|OPENMP|OMP|BLAS|LAPACK|MKL|NPY|CFFI|PBR|COVERAGE|SDKROOT|DEVELOPER|PYPY|ANDROID|WITH|WITHOUT|USE|NO|DISABLE|ENABLE|FORCE|SKIP|STATIC|DEBUG)\w*|` +
	`\w*_(?:INCLUDE|INCLUDE_?DIRS?|LIB|LIBS|LIB_?DIRS?|LIBRARY|LIBRARIES|LIBRARY_?DIRS?|LDFLAGS|CFLAGS|CXXFLAGS|VERSION|ROOT|ROOT_DIR|PREFIX|BUILD|DEBUG|EXTENSIONS?|SPEEDUPS|DIR|COVERAGE|NO_EXTENSIONS?|NO_CYTHON|CYTHON\w*|TRACE|PROFILE)|\w+_DIST_INFO|\w+_VERSION_FOR\w*|\w*NO_EXT\w*)$`)

var homeEnv = set(`HOME USERPROFILE APPDATA LOCALAPPDATA HOMEPATH HOMEDRIVE XDG_CONFIG_HOME XDG_DATA_HOME XDG_CACHE_HOME`)

// secretEnv wins over harmlessEnv: no build needs these.
var secretEnv = regexp.MustCompile(`(?i)TOKEN|SECRET|PASSW|CREDENTIAL|_KEY\b|_KEY$|APIKEY|AUTH`)

// loaderEnv, once set, makes programs started later load code.
var loaderEnv = set(`LD_PRELOAD LD_AUDIT DYLD_INSERT_LIBRARIES PYTHONSTARTUP PYTHONHOME PYTHONUSERBASE PYTHONBREAKPOINT BASH_ENV PROMPT_COMMAND PERL5OPT PERL5LIB RUBYOPT NODE_OPTIONS
	GIT_SSH GIT_SSH_COMMAND GIT_EXTERNAL_DIFF GIT_PROXY_COMMAND GIT_ASKPASS SSH_ASKPASS GIT_CONFIG GIT_CONFIG_GLOBAL GIT_EXEC_PATH RUSTC_WRAPPER RUSTC_WORKSPACE_WRAPPER CARGO_HOME CMAKE_TOOLCHAIN_FILE
	PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_FIND_LINKS PIP_CONFIG_FILE UV_INDEX_URL UV_DEFAULT_INDEX`)

// moduleEnv is where the interpreters started later look for modules.
const moduleEnv = "PYTHONPATH"

// homeMarks are places in the home directory where secrets and start-up files lie.
var homeMarks = regexp.MustCompile(`^~(?:$|[/\\])|(?:^|[/\\])\.(?:ssh|aws|azure|kube|gnupg|netrc|pypirc|npmrc|git-credentials|gitconfig|docker|bashrc|bash_profile|bash_history|profile|zshrc|zprofile|zsh_history|electrum|bitcoin|ethereum|mozilla|password-store|config[/\\](?:gcloud|gh|autostart|systemd))(?:$|[/\\])|\bid_(?:rsa|ed25519|ecdsa|dsa)\b|\bLogin Data\b|\bwallet\.dat\b|\$HOME\b|\$\{HOME\}|%(?:APPDATA|USERPROFILE|LOCALAPPDATA)%|LaunchAgents`)

func set(names string) map[string]bool {
	m := make(map[string]bool)
	for name := range strings.FieldsSeq(names) {
		m[name] = true
	}
	return m
}
