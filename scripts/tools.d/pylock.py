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


def make_pip(world, tool, project):
    wanted = project / "requirements.in"
    wanted.write_text(world.index.served(wanted.read_text()))
    venvtool.run(world, tool, project, [tool.python, "-m", "pip", "lock", "-q", "--index-url", world.index.simple("public"),
                                        "--extra-index-url", world.index.simple("private"), "-r", "requirements.in", "-o", "pylock.toml"])
    place = project / "pylock.toml"
    place.write_text(world.index.recorded(place.read_text()))


read = venvtool.reader("read_pylock.py", "packaging.pylock.Pylock.from_dict, validated")
