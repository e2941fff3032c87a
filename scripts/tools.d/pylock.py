"""pylock.toml, as a lockfile and as what other tools export."""

import answer
import venvtool


def packages(document):
    """The packages of a parsed pylock.toml."""
    for p in document["packages"]:
        files = [p["archive"]] if "archive" in p else p.get("wheels", []) + ([p["sdist"]] if "sdist" in p else [])
        if "vcs" in p:
            source = f"{p['vcs']['type']} {p['vcs']['url']}@{p['vcs']['commit-id']}"
        elif "directory" in p:
            source = "path"
        elif "archive" in p:
            source = f"url {p['archive']['url']}" if "url" in p["archive"] else "path"
        else:
            source = answer.registry(p.get("index"))
        yield answer.package(answer.canonical(p["name"]), p.get("version"), source,
                             [f"{a}:{d}" for f in files for a, d in f["hashes"].items()])


read = venvtool.reader("read_pylock.py", "packaging.pylock.Pylock.from_dict, validated")
