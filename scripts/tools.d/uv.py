"""uv.lock, made by uv and read by its exports."""

import pathlib
import re
import tomllib

import answer
import pylock
import venvtool


def number(tool):
    return tuple(map(int, tool.version.split(".")))


def make(world, tool, project):
    for manifest in project.rglob("pyproject.toml"):
        manifest.write_text(world.index.served(manifest.read_text()))
    venvtool.run(world, tool, project, [tool.program, "lock", "-q", "--python", tool.python],
                 UV_DEFAULT_INDEX=world.index.simple("public"), UV_PYTHON_DOWNLOADS="never")
    lock = project / "uv.lock"
    lock.write_text(world.index.recorded(lock.read_text()))


def make_pylock(world, tool, project):
    make(world, tool, project)
    venvtool.run(world, tool, project, [tool.program, "export", "-q", "--frozen", "--all-extras", "--all-groups", "--all-packages",
                                        "--no-header", "--python", tool.python, "-o", "pylock.toml"], UV_PYTHON_DOWNLOADS="never")


def read(world, tool, project, lockfile):
    groups = ["--all-groups"] if number(tool) >= (0, 5) else []
    members = ["--all-packages"] if number(tool) >= (0, 6) else []
    form = "pylock.toml" if number(tool) >= (0, 7) else "requirements-txt"
    command = ["export", "--frozen", "--all-extras", *groups, *members, "--format", form]
    out = venvtool.run(world, tool, project, [tool.program, "-q", *command, "--python", tool.python], UV_PYTHON_DOWNLOADS="never")
    how = f"uv {' '.join(command)}"
    if form == "pylock.toml":
        return how, list(pylock.packages(tomllib.loads(out)))
    return how + "; it names no index", list(requirements(project, out))


def requirements(project, text):
    """Packages of exported requirements, which are simpler than what pip reads."""
    for line in text.replace("\\\n", " ").splitlines():
        digests = re.findall(r"--hash=(\S+)", line)
        words = re.split(r" ; | --hash", line)[0].strip()
        if not words or words.startswith("#"):
            continue
        if m := re.fullmatch(r"(\S+)==(\S+)", words):
            yield answer.package(answer.canonical(m[1].split("[")[0]), m[2], None, digests)
        elif m := re.fullmatch(r"(\S+) @ git\+(\S+?)@(\w+)(#\S+)?", words):
            yield answer.package(m[1], None, f"git {m[2]}@{m[3]}", digests)
        elif m := re.fullmatch(r"(\S+) @ (\S+)", words):
            yield answer.package(m[1], None, f"url {m[2]}", digests)
        else:
            place = project / words.removeprefix("-e ").removeprefix("file://")
            yield local(place, digests)


def local(place, digests):
    if place.suffix == ".whl":
        name, version = place.name.split("-")[:2]
    else:
        name = tomllib.loads((pathlib.Path(place) / "pyproject.toml").read_text())["project"]["name"]
        version = None
    return answer.package(answer.canonical(name), version, "path", digests)
