"""Runs beside packaging: what its reader makes of a pylock.toml."""

import json
import re
import sys
import tomllib

from packaging.pylock import Pylock


def source(package):
    if package.vcs:
        return f"{package.vcs.type} {package.vcs.url}@{package.vcs.commit_id}"
    if package.directory:
        return "path"
    if package.archive:
        return f"url {package.archive.url}" if package.archive.url else "path"
    if package.index is None or package.index.rstrip("/") == "https://pypi.org/simple":
        return "registry"
    return f"registry {package.index}"


def main():
    with open(sys.argv[1], "rb") as f:
        lock = Pylock.from_dict(tomllib.load(f))
    lock.validate()
    found = []
    for p in lock.packages:
        files = [f for f in [p.archive, p.sdist, *(p.wheels or [])] if f]
        found.append({"name": re.sub(r"[-_.]+", "-", p.name).lower(), "version": str(p.version) if p.version else "",
                      "source": source(p), "digests": sorted({f"{a}:{d}" for f in files for a, d in f.hashes.items()})})
    json.dump(found, sys.stdout)


main()
