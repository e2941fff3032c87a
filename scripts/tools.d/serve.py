"""The Python packages of the fixtures, served on loopback: the simple API as HTML
and JSON, and as much of the older JSON API as poetry asks for.

A lockfile names the addresses that it was made from: served and recorded turn the
recorded ones into these and back."""

import hashlib
import http.server
import json
import threading
import urllib.parse

import answer
import world

# One port for all times: some lockfiles hold a hash over the indexes' addresses.
PORT = 47811

RECORDED = {"public": "https://pypi.org/simple", "private": "https://example.invalid/private/simple"}


class Index:
    def __init__(self, w):
        self.world = w
        self.releases = {}  # index -> canonical name -> version -> (name, requirements, [(file, digest, size)])
        for index, releases in world.PYTHON.items():
            for name, version, requires, tags, sdist in releases:
                files = [(f, hashlib.sha256(d).hexdigest(), len(d))
                         for f, d in world.distributions(name, version, requires, tags, sdist)]
                versions = self.releases.setdefault(index, {}).setdefault(answer.canonical(name), {})
                versions[version] = (name, requires, files)
        index = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                body, kind = index.answer(urllib.parse.unquote(self.path.split("?")[0]), self.headers.get("Accept", ""))
                self.send_response(404 if body is None else 200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body or b"")

            do_HEAD = do_GET

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler)
        self.base = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def simple(self, index):
        return f"{self.base}/{index}/simple"

    def recorded(self, text):
        """A lockfile's text with what it is to name in place of loopback."""
        for index, address in RECORDED.items():
            text = text.replace(self.simple(index) + "/", address + "/").replace(self.simple(index), address)
        return text.replace(self.base, "https://example.invalid")

    def served(self, text):
        """The reverse for project files."""
        for index, address in RECORDED.items():
            text = text.replace(address, self.simple(index)).replace(f"{world.HOST}{index}/files/", f"{self.base}/{index}/files/")
        return text

    def answer(self, path, accept):
        index, _, rest = path.strip("/").partition("/")
        packages = self.releases.get(index)
        parts = rest.split("/")
        if packages is None:
            return None, "text/plain"
        if parts[0] == "files" and len(parts) == 2:
            place = self.world.root / "files" / index / parts[1]
            return (place.read_bytes() if place.is_file() else None), "application/octet-stream"
        versions = packages.get(answer.canonical(parts[1])) if len(parts) > 1 else None
        if versions is None:
            return None, "text/plain"
        if parts[0] == "simple":
            return self.page(index, parts[1], versions, "json" in accept)
        if parts[0] == "pypi":
            return self.release(index, versions, parts[2] if len(parts) == 4 else None)
        return None, "text/plain"

    def page(self, index, name, versions, as_json):
        files = [(f"{self.base}/{index}/files/{f}", f, d, size) for _, _, files in versions.values() for f, d, size in files]
        if as_json:
            body = {"meta": {"api-version": "1.1"}, "name": name, "versions": list(versions),
                    "files": [{"filename": f, "url": url, "hashes": {"sha256": d}, "requires-python": ">=3.7", "size": size,
                               "upload-time": "2024-01-01T00:00:00Z"} for url, f, d, size in files]}
            return json.dumps(body).encode(), "application/vnd.pypi.simple.v1+json"
        links = "".join(f'<a href="{url}#sha256={d}" data-requires-python="&gt;=3.7">{f}</a><br>\n' for url, f, d, _ in files)
        return f"<!DOCTYPE html><html><body>\n{links}</body></html>".encode(), "text/html"

    def release(self, index, versions, version):
        def urls(files):
            return [{"filename": f, "url": f"{self.base}/{index}/files/{f}", "digests": {"sha256": d}, "size": size,
                     "packagetype": "bdist_wheel" if f.endswith(".whl") else "sdist", "requires_python": ">=3.7",
                     "python_version": "py3", "yanked": False} for f, d, size in files]
        if version not in versions and version is not None:
            return None, "text/plain"
        version = version or list(versions)[-1]
        name, requires, files = versions[version]
        info = {"name": name, "version": version, "summary": "", "platform": "", "requires_dist": requires,
                "requires_python": ">=3.7", "yanked": False}
        return json.dumps({"info": info, "urls": urls(files),
                           "releases": {v: urls(f) for v, (_, _, f) in versions.items()}}).encode(), "application/json"
