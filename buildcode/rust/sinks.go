package rust

import (
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/buildcode"
)

// sinkKind says how a name bears on capabilities.
type sinkKind uint8

const (
	nothing       sinkKind = iota
	named                  // naming it is enough: capability, whatever is done with it
	startsProgram          // std::process::Command
	readsVariable          // std::env::var
	readsPath              // std::fs::read and the like, by its first argument
	writesPath             // std::fs::write and the like
	currentDir             // the package's directory, as cargo starts build scripts
	transmutes             // only as a way to call data
	setsVariable           // std::env::set_var
	assembles              // asm!
	shellMacro             // duct::cmd!, xshell::cmd!: a program named in the macro
)

// sink is what a resolved path stands for.
type sink struct {
	kind       sinkKind
	capability buildcode.Capability // of named
	rest       []string             // segments behind the type: "new"
	unsure     bool                 // the beginning of the path is not known
}

// Crates whose mere name says what is done. Names as code writes them.
var crateCapabilities = func() map[string]buildcode.Capability {
	all := map[string]buildcode.Capability{}
	put := func(c buildcode.Capability, names string) {
		for n := range wordSet(names) {
			all[n] = c
		}
	}
	put(buildcode.Compile, `autotools bindgen cbindgen cc cmake corrosion csbindgen cuda_builder cxx_build cxx_qt_build capnpc
		embed_resource find_cuda_helper flatc_rust gcc glsl_to_spirv lalrpop meson metadeps nasm_rs napi_build neon_build openssl_src
		peg pkg_config pkgconf prost_build protobuf_build protobuf_codegen protobuf_src protoc_rust pyo3_build_config qmake
		qt_build_utils slint_build static_vcruntime swift_rs system_deps tauri_build tonic_build tonic_prost_build uniffi_build vcpkg wayland_scanner
		windows_bindgen winres winresource autocxx_build shaderc luajit_src lua_src`)
	put(buildcode.Run("rustc"), "autocfg rustc_version version_check rustc_tools_util")
	put(buildcode.Run("cargo"), "cargo_metadata escargot")
	put(buildcode.Run("make"), "make_cmd")
	put(buildcode.Run("git"), "built git_version shadow_rs vergen_git2 vergen_gitcl vergen_gix build_data build_info_build")
	put(buildcode.Network, `actix_web actix_http async_h1 async_nats async_net async_tungstenite attohttpc awc aws_config aws_sdk_s3 axum binary_install bluer cabot cached_path cargo crates_index crates_io_api curl curl_sys discord dl_src downloads
		dns_lookup domain easy_http_request elasticsearch fetch_data frankenstein github_release glommio download downloader ehttp ftp git_download gix_transport h2 h3 hf_hub hickory_client hickory_resolver http_req
		hyper hyper_rustls hyper_tls hyper_util isahc lapin lettre imap irc libp2p libssh_rs mail_send minreq mongodb mysql nanomsg native_tls nng octocrab octorust openssh oxhttp paho_mqtt pnet postgres prebuilt public_ip quiche
		quinn rdkafka redis reqwest reqwest_middleware rouille rquest rumqttc s2n_quic sentry serenity slack_hook smoltcp socks russh rusoto_core rust_s3 s3 self_update smtp
		socket2 sqlx_core ssh2 suppaftp surf tame_index tarpc telegram_bot teloxide thrussh trauma twilight_http tiny_http tokio_native_tls tokio_postgres tokio_rustls tokio_tungstenite tonic trust_dns_resolver
		tungstenite twilio ureq warp vsock webhook websocket websockets wreq ws xmlrpc zenoh zero_http zmq`)
	put(buildcode.LoadCode, `abi_stable boa_engine cpython crabtime cranelift_jit ctor deno_core dtor duktape ducc dlopen dlopen2 dlib dynasmrt hlua hot_lib_reloader inline_python libffi libloading
		llvm_sys inkwell mlua pyo3 quick_js rhai sc sharedlib small_ctor syscalls watt wasm3 rhai rlua rquickjs rustpython rustpython_vm v8 wasmer wasmi wasmtime memexec paste_eval evalexpr_jit region`)
	put(buildcode.Home, "app_dirs app_dirs2 directories directories_next dirs dirs_next dirs_sys etcetera expanduser home homedir keyring netrc platform_dirs secret_service simple_home_dir user_dirs xdg")
	put(buildcode.ReadEnv, "shellexpand dotenv dotenvy envy")
	put(buildcode.Decode, `aes aes_gcm base58 base62 base64 base64_simd base64_url base64ct base85 brotli bs58 bzip2 chacha20 chacha20poly1305 const_hex
		cryptify data_encoding faster_hex flate2 goldberg hex inflate libflate litcrypt lz4 lz4_flex lzma_rs lzma_rust miniz_oxide
		obfstr obfuscate rc4 snap sevenz_rust tar xz2 yazi zip zstd`)
	put(buildcode.RunUnknown, `assert_cmd async_command async_process daemonize duct_sh elevated_command exec expectrl cmd_lib command_group command_run devx_cmd easy_process execute
		open opener popen portable_pty powershell_script process_control pty_process rexpect run_cmd runas run_script sh_inline shells shell_command subprocess tokio_process webbrowser`)
	return all
}()

// Functions of libc and of Windows by what they are for. They count wherever the
// crates that bind them are named.
var foreignFunctions = func() map[string]buildcode.Capability {
	all := map[string]buildcode.Capability{}
	put := func(c buildcode.Capability, names string) {
		for n := range wordSet(names) {
			all[n] = c
		}
	}
	put(buildcode.RunUnknown, `system popen fork vfork clone clone3 execl execle execlp execv execve execvp execvpe execveat fexecve posix_spawn posix_spawnp
		CreateProcessA CreateProcessW CreateProcessAsUserW WinExec ShellExecuteA ShellExecuteW ShellExecuteExA ShellExecuteExW`)
	put(buildcode.LoadCode, `dlopen dlmopen dlsym mmap mmap64 mremap mprotect memfd_create ptrace process_vm_writev syscall syscall0 syscall1 syscall2
		syscall3 syscall4 syscall5 syscall6 shmat personality init_module finit_module bpf LdrLoadDll CreateThread QueueUserAPC CreateFileMappingA CreateFileMappingW
		LoadLibraryA LoadLibraryW LoadLibraryExA LoadLibraryExW GetProcAddress VirtualAlloc VirtualAllocEx VirtualProtect CreateRemoteThread WriteProcessMemory`)
	put(buildcode.Home, "getpwuid getpwuid_r getpwnam getpwnam_r SHGetFolderPathW SHGetKnownFolderPath")
	put(buildcode.Network, `socket socketpair connect bind sendto sendmsg recvfrom recvmsg getaddrinfo res_query gethostbyname URLDownloadToFileA URLDownloadToFileW
		InternetOpenA InternetOpenW InternetOpenUrlA InternetOpenUrlW WinHttpOpen WSAStartup WSASocketA WSASocketW`)
	return all
}()

var bindingCrates = wordSet("libc nix rustix winapi windows windows_sys windows_targets kernel32 shell32 urlmon wininet winhttp ws2_32 errno linux_raw_sys ntapi winsafe")

// telling reports whether paths below a crate can mean anything. A renamed
// dependency is looked up before.
func telling(root string) bool {
	switch root {
	case "std", "core", "alloc", unknown, "tokio", "async_std", "smol", "mio", "compio", "monoio", "duct", "xshell", "git2", "gix", "automod", "include_dir", "paste",
		"pastey", "concat_idents", "casey", "mashup", "with_builtin_macros":
		return true
	}
	return bindingCrates[root]
}

// sinkOf classifies a resolved path.
func sinkOf(path []string) sink {
	root, rest := path[0], path[1:]
	switch root {
	case "std", "core", "alloc":
		return stdSink(rest)
	case unknown:
		k := endSink(rest)
		k.unsure = true
		return k
	case "tokio", "async_std", "smol", "mio", "compio", "monoio":
		return asyncSink(rest)
	case "duct", "xshell":
		return sink{kind: shellMacro}
	case "git2", "gix":
		if slices.ContainsFunc(rest, func(s string) bool {
			return strings.Contains(s, "clone") || strings.Contains(s, "fetch") || s == "RepoBuilder" || s == "FetchOptions" || s == "Remote" || s == "RemoteCallbacks"
		}) {
			return sink{kind: named, capability: buildcode.Network}
		}
		return sink{}
	case "automod", "include_dir", "paste", "pastey", "concat_idents", "casey", "mashup", "with_builtin_macros":
		// Modules or names made by a macro, which the scanner cannot follow.
		if len(rest) > 0 && rest[0] != "Dir" && rest[0] != "File" {
			return sink{kind: named, capability: buildcode.Unanalysed}
		}
		return sink{}
	}
	if bindingCrates[root] {
		return bindingSink(rest)
	}
	if c, found := crateCapabilities[root]; found {
		return sink{kind: named, capability: c}
	}
	return sink{}
}

func bindingSink(rest []string) sink {
	if len(rest) == 0 {
		return sink{}
	}
	if c, found := foreignFunctions[rest[len(rest)-1]]; found {
		return sink{kind: named, capability: c}
	}
	for _, s := range rest {
		switch s {
		case "net", "socket", "Networking", "WinSock", "winsock2", "WinHttp", "WinInet", "wininet", "winhttp":
			return sink{kind: named, capability: buildcode.Network}
		}
	}
	return sink{}
}

func asyncSink(rest []string) sink {
	if len(rest) == 0 {
		return sink{}
	}
	switch rest[0] {
	case "net":
		return sink{kind: named, capability: buildcode.Network}
	case "process", "fs":
		return stdSink(rest)
	}
	return sink{}
}

// addressTypes of std::net reach nothing.
var addressTypes = wordSet("IpAddr Ipv4Addr Ipv6Addr SocketAddr SocketAddrV4 SocketAddrV6 AddrParseError Ipv6MulticastScope self")

// stdSink classifies a path of the standard library, without its first segment.
func stdSink(p []string) sink {
	if len(p) == 0 {
		return sink{}
	}
	next := ""
	if len(p) > 1 {
		next = p[1]
	}
	if strings.HasPrefix(p[0], "$") || strings.HasPrefix(next, "$") && sensitiveModules[p[0]] {
		// A macro chooses what of the standard library is meant.
		return sink{kind: named, capability: buildcode.Unanalysed}
	}
	switch p[0] {
	case "process":
		if next == "Command" {
			return sink{kind: startsProgram, rest: p[2:]}
		}
	case "net":
		if next != "" && !addressTypes[next] {
			return sink{kind: named, capability: buildcode.Network}
		}
	case "os":
		if slices.Contains(p, "net") {
			return sink{kind: named, capability: buildcode.Network}
		}
		if last := p[len(p)-1]; last == "symlink" || last == "symlink_file" || last == "symlink_dir" {
			return sink{kind: writesPath}
		}
	case "env":
		return envSink(next)
	case "fs":
		return fsSink(p[1:])
	case "arch":
		if next == "asm" || next == "global_asm" || next == "naked_asm" {
			return sink{kind: assembles}
		}
	case "asm", "global_asm", "naked_asm":
		return sink{kind: assembles}
	case "mem", "intrinsics":
		if next == "transmute" || next == "transmute_copy" || next == "transmute_unchecked" {
			return sink{kind: transmutes}
		}
	}
	return sink{}
}

var sensitiveModules = wordSet("process net env fs os arch")

func envSink(name string) sink {
	switch name {
	case "var", "var_os":
		return sink{kind: readsVariable}
	case "vars", "vars_os":
		return sink{kind: named, capability: buildcode.ReadEnv}
	case "home_dir":
		return sink{kind: named, capability: buildcode.Home}
	case "set_var":
		return sink{kind: setsVariable}
	case "current_dir":
		return sink{kind: currentDir}
	}
	return sink{}
}

func fsSink(p []string) sink {
	if len(p) == 0 {
		return sink{}
	}
	switch p[0] {
	case "read", "read_to_string", "read_dir", "read_link", "copy":
		return sink{kind: readsPath}
	case "write", "create_dir", "create_dir_all", "rename", "remove_file", "remove_dir", "remove_dir_all", "hard_link", "soft_link", "set_permissions":
		return sink{kind: writesPath}
	case "File":
		if len(p) > 1 {
			switch p[1] {
			case "open":
				return sink{kind: readsPath}
			case "create", "create_new", "options":
				return sink{kind: writesPath}
			}
		}
	case "OpenOptions", "DirBuilder":
		if len(p) > 1 && p[1] == "new" {
			return sink{kind: writesPath}
		}
	}
	return sink{}
}

// endSink classifies the end of a path whose beginning is not known: made by a
// macro, or from a glob import that cannot be seen through.
func endSink(p []string) sink {
	if len(p) == 0 {
		return sink{}
	}
	switch p[0] {
	case "process", "net", "env", "fs", "arch", "mem":
		if len(p) > 1 {
			return stdSink(p)
		}
	case "Command":
		return stdSink(append([]string{"process"}, p...))
	case "TcpStream", "TcpListener", "UdpSocket", "UnixStream", "UnixListener", "UnixDatagram", "ToSocketAddrs":
		return stdSink(append([]string{"net"}, p...))
	case "File", "OpenOptions":
		return stdSink(append([]string{"fs"}, p...))
	case "asm", "global_asm", "naked_asm":
		return sink{kind: assembles}
	case "std", "core":
		return stdSink(p[1:])
	}
	// "$a::b::process::Command": what follows the first segments may be it.
	if len(p) > 1 && (strings.HasPrefix(p[0], "$") || len(p) > 2) {
		return endSink(p[1:])
	}
	return sink{}
}
