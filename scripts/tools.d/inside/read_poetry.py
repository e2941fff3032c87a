"""Runs in poetry's environment: what its Locker reads."""

import json
import os
import pathlib
import re
import sys

try:
    from poetry.packages import Locker
except ImportError:
    from poetry.packages.locker import Locker

PUBLIC = "https://pypi.org/simple"


def source(package, root):
    kind, url = package.source_type, package.source_url
    if kind == "git":
        return "git {}@{}".format(url, getattr(package, "source_resolved_reference", None) or package.source_reference)
    if kind in ("directory", "file"):
        place = os.path.realpath(os.path.join(root, url))
        return "path" if place.startswith(root) else "url " + url
    if kind == "url":
        return "url " + url
    if kind == "legacy" and url.rstrip("/") != PUBLIC:
        return "registry " + url
    return "registry"


def digests(package):
    hashes = [f["hash"] for f in package.files] if hasattr(package, "files") else package.hashes
    return sorted({h if ":" in h else "sha256:" + h for h in hashes})


def main():
    lock = pathlib.Path(sys.argv[1]).resolve()
    try:
        locker = Locker(lock, {})
    except AttributeError:
        from poetry.utils.toml_file import TomlFile
        locker = Locker(TomlFile(str(lock)), {})
    try:
        repository = locker.locked_repository(True)
    except TypeError:
        repository = locker.locked_repository()
    json.dump([{"name": re.sub(r"[-_.]+", "-", p.name).lower(), "version": str(p.version),
                "source": source(p, str(lock.parent)), "digests": digests(p)} for p in repository.packages], sys.stdout)


main()
