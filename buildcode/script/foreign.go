package script

import (
	"regexp"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/buildcode"
)

// foreignName is what gives a capability away in a language that is only glanced at.
type foreignName struct {
	pattern    *regexp.Regexp
	capability buildcode.Capability
}

func names(pairs ...any) []foreignName {
	var out []foreignName
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, foreignName{regexp.MustCompile(pairs[i].(string)), pairs[i+1].(buildcode.Capability)})
	}
	return out
}

var (
	perlNames = names(
		`\b(?:LWP\b|HTTP::Tiny|IO::Socket|Net::(?:FTP|HTTP|SSH|SMTP|DNS)|Socket\b|WWW::Mechanize|File::Fetch|HTTP::Request)|\bsocket\s*\(`, buildcode.Network,
		`\bMIME::(?:Base64|QuotedPrint)|\bdecode_base64\b|\bunpack\s*\(?\s*["']u|\bpack\s*\(?\s*["']H\*`, buildcode.Decode,
		`\beval\s*(?:\(?\s*["$]|qq|q\{|join|pack|decode|reverse)|\bdo\s*\$|\bDynaLoader\b|\bsyscall\b`, buildcode.LoadCode,
		`\$ENV\{["']?(?:HOME|USERPROFILE)["']?\}|\bFile::HomeDir`, buildcode.Home,
	)
	// perlCode is a program on a command line, in which nothing else looks for what it starts.
	perlCode = append(slices.Clip(perlNames), names("\\b(?:system|exec|qx|readpipe|popen)\\b|`|\\bopen\\b[^;]*\\|", buildcode.RunUnknown)...)

	pythonNames = names(
		`\b(?:urllib|urllib2|requests|httpx|aiohttp|http\.client|httplib|ftplib|smtplib|telnetlib|paramiko|socket|socketserver|asyncio\.open_connection)\b`, buildcode.Network,
		`\b(?:base64|binascii|codecs\.decode|zlib\.decompress|marshal)\b|\bbytes\.fromhex\b`, buildcode.Decode,
		`\b(?:exec|eval|compile|__import__)\s*\(|\bimportlib\b|\bctypes\b`, buildcode.LoadCode,
		`\b(?:subprocess|os\.(?:system|popen|exec[lv]p?e?|spawn\w+|posix_spawnp?)|pty\.spawn)\b`, buildcode.RunUnknown,
		`\bexpanduser\b|\bPath\.home\b|["']HOME["']|["']USERPROFILE["']`, buildcode.Home,
	)
	rubyNames = names(
		`\b(?:Net::HTTP|open-uri|URI\.open|TCPSocket|Socket|HTTParty|Faraday)\b`, buildcode.Network,
		`\bBase64\b|\.unpack\(?["']m`, buildcode.Decode,
		`\b(?:eval|instance_eval|class_eval|load|fiddle)\b`, buildcode.LoadCode,
		"\\bsystem\\s*\\(?|`|%x|\\bspawn\\b|\\bexec\\b|\\bpopen\\b", buildcode.RunUnknown,
	)
	nodeNames = names(
		`require\s*\(\s*["'](?:node:)?(?:https?|net|dgram|tls|http2|dns|axios|got|node-fetch|request)["']|\bfetch\s*\(|\bWebSocket\b`, buildcode.Network,
		`\batob\s*\(|["']base64["']|["']hex["']`, buildcode.Decode,
		`\beval\s*\(|\bFunction\s*\(|\bvm\b`, buildcode.LoadCode,
		`child_process`, buildcode.RunUnknown,
		`\bos\.homedir\b`, buildcode.Home,
	)
	phpNames = names(
		`\b(?:curl_exec|fsockopen|file_get_contents\s*\(\s*["']https?:|stream_socket_client)\b`, buildcode.Network,
		`\bbase64_decode\b|\bgzinflate\b|\bstr_rot13\b|\bhex2bin\b`, buildcode.Decode,
		`\beval\s*\(|\bassert\s*\(|\bcreate_function\b`, buildcode.LoadCode,
		`\b(?:system|exec|shell_exec|passthru|popen|proc_open)\s*\(`, buildcode.RunUnknown,
	)
	luaNames = names(
		`\bsocket\b|\bhttp\b`, buildcode.Network,
		`\bload(?:string|file)?\s*\(|\bdofile\b|\bpackage\.loadlib\b`, buildcode.LoadCode,
		`\bos\.execute\b|\bio\.popen\b`, buildcode.RunUnknown,
	)
	awkNames = names(
		`/inet[46]?/(?:tcp|udp)/`, buildcode.Network,
		`\bsystem\s*\(|\|\s*getline\b|\|&|print[^|;}\n]*\|\s*["a-z]`, buildcode.RunUnknown,
	)
	otherNames = names(
		`\b(?:http|https|socket|url)\b`, buildcode.Network,
		`\b(?:exec|system|popen|do shell script|spawn)\b`, buildcode.RunUnknown,
	)
	powershellNames = names(
		`(?i)\b(?:invoke-webrequest|iwr|invoke-restmethod|irm|start-bitstransfer|net\.webclient|httpwebrequest|httpclient|downloadstring|downloadfile|downloaddata|openread|net\.sockets|tcpclient|webrequest|curl|wget|resolve-dnsname|test-netconnection|install-module|install-package|msxml2\.xmlhttp|winget|choco)\b`, buildcode.Network,
		`(?i)\b(?:invoke-expression|iex|scriptblock\]::create|add-type|reflection\.assembly|assembly\]::load|loadlibrary|dllimport|invoke-command)\b|&\s*\(|(?:^|[;{|\n])\s*[.&]\s*\$`, buildcode.LoadCode,
		`(?i)frombase64string|-encodedcommand|\s-enc?\s|\[char\]\s*\d|-bxor|\bconvert\]::tobyte|io\.compression`, buildcode.Decode,
		`(?i)\b(?:start-process|saps|invoke-item|new-object\s+-com|diagnostics\.process|invoke-wmimethod|invoke-cimmethod)\b`, buildcode.RunUnknown,
		`(?i)\$env:(?:userprofile|appdata|localappdata|home\b)|\$home\b|~[/\\]`, buildcode.Home,
		`(?i)\b(?:get-childitem|gci|dir|ls)\s+env:|\$env:\w*(?:token|secret|password|api_?key)`, buildcode.ReadEnv,
		`(?i)\b(?:set-itemproperty|new-itemproperty|set-executionpolicy|register-scheduledtask|new-service|reg add|schtasks)\b`, buildcode.WriteFiles,
	)
)

func namesOf(interpreter string) []foreignName {
	switch interpreter {
	case "perl":
		return perlCode
	case "python":
		return pythonNames
	case "ruby":
		return rubyNames
	case "node", "nodejs":
		return nodeNames
	case "php":
		return phpNames
	case "lua", "luajit":
		return luaNames
	case "awk", "gawk", "mawk", "nawk":
		return awkNames
	}
	return otherNames
}

// glance looks for telling names in code of another language.
func glance(s *shell, text string, names []foreignName) {
	if !s.emit {
		return
	}
	for _, n := range names {
		if n.pattern.MatchString(text) {
			s.use(n.capability)
		}
	}
	if marksHome(text) {
		s.use(buildcode.Home)
	}
}

// scan looks for telling names in a file, line by line.
func (f *script) scan(text string, first int, names []foreignName) {
	for _, n := range names {
		for _, at := range n.pattern.FindAllStringIndex(text, maxEvidence) {
			f.use(n.capability, first+strings.Count(text[:at[0]], "\n"))
		}
	}
}
