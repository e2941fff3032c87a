"""Pipfile.lock, made by pipenv and read by "pipenv requirements"."""

import re

import answer
import uv
import venvtool

HOW = "pipenv requirements --dev --hash, packages of several categories united; it names no index"


def environment(tool):
    return {"PIPENV_IGNORE_VIRTUALENVS": "0", "PIPENV_NOSPIN": "1", "PIPENV_YES": "1", "PIPENV_PYTHON": str(tool.python)}


def make(world, tool, project):
    manifest = project / "Pipfile"
    manifest.write_text(world.index.served(manifest.read_text()))
    venvtool.run(world, tool, project, [tool.program, "lock", "--dev"], **environment(tool))
    place = project / "Pipfile.lock"
    place.write_text(world.index.recorded(place.read_text()))


def read(world, tool, project, lockfile):
    out = venvtool.run(world, tool, project, [tool.program, "requirements", "--dev", "--hash"], **environment(tool))
    return HOW, answer.unite(list(requirements(project, out)))


def requirements(project, text):
    for line in text.splitlines():
        digests = re.findall(r"--hash=(\S+)", line)
        words = re.split(r"\s*;\s|\s--hash", line)[0].strip()
        if not words or words.startswith(("#", "-i ", "--extra-index-url", "--trusted-host")):
            continue
        if m := re.fullmatch(r"(\S+?)(?:\[\S*\])?==(\S+)", words):
            yield answer.package(answer.canonical(m[1]), m[2], None, digests)
        elif m := re.fullmatch(r"(\S+?) ?@ ?git\+(\S+?)@([0-9a-f]{40})(#\S+)?", words):
            yield answer.package(answer.canonical(m[1]), None, f"git {m[2]}@{m[3]}", digests)
        elif m := re.fullmatch(r"(?:-e )?(\./\S+)", words):
            # Version and hashes of a file are left out, and the name is in the file.
            yield uv.local(project / m[1], None) | {"version": None}
        else:
            raise RuntimeError(f"pipenv writes {words!r}")
