package lockfile

import "strings"

// RegistryKey is how addresses of registries are compared, as lockfiles and
// configurations write them: without "registry+", without a user, with scheme and
// host in lower case and without a slash at the end. Addresses with one key lead to
// one registry; it is a name, never an address to be fetched.
func RegistryKey(address string) string {
	address = strings.TrimPrefix(address, "registry+")
	scheme, rest, ok := strings.Cut(address, "://")
	if !ok {
		return address
	}
	host, path := splitHost(rest)
	host = host[strings.LastIndexByte(host, '@')+1:]
	return strings.ToLower(scheme) + "://" + strings.ToLower(host) + strings.TrimRight(path, "/")
}

// ForPeople is an address without the user and password that some lockfiles have in
// it. The user of ssh is no secret.
func ForPeople(address string) string {
	scheme, rest, ok := strings.Cut(address, "://")
	if !ok || strings.HasSuffix(strings.ToLower(scheme), "ssh") {
		return address
	}
	host, path := splitHost(rest)
	return scheme + "://" + host[strings.LastIndexByte(host, '@')+1:] + path
}

// splitHost splits what follows "://" before the path. It works on what cannot be
// parsed as well, such as "${USER}:${PASSWORD}@host".
func splitHost(rest string) (host, path string) {
	i := strings.IndexAny(rest, "/?#")
	if i < 0 {
		return rest, ""
	}
	return rest[:i], rest[i:]
}
