"""pdm.lock, made by PDM and read by its locked repository."""

import answer
import venvtool

HOW = "PDM's locked repository: the candidate of every package, extras united"

ALL = ["-G", ":all"]  # older versions lock all groups by themselves

candidates = venvtool.reader("read_pdm.py", HOW)


def make(*options):
    def lock(world, tool, project):
        manifest = project / "pyproject.toml"
        manifest.write_text(world.index.served(manifest.read_text()))
        venvtool.run(world, tool, project, [tool.program, "lock", *options], PDM_CHECK_UPDATE="false",
                     PDM_PYTHON=str(tool.python), PDM_IGNORE_SAVED_PYTHON="1")
        place = project / "pdm.lock"
        place.write_text(world.index.recorded(place.read_text()))
    return lock


def read(world, tool, project, lockfile):
    how, packages = candidates(world, tool, project, lockfile)
    return how, answer.unite(packages)


def make_pylock(world, tool, project):
    make(*ALL)(world, tool, project)
    venvtool.run(world, tool, project, [tool.program, "export", "-f", "pylock", "-G", ":all", "-o", "pylock.toml"],
                 PDM_CHECK_UPDATE="false", PDM_PYTHON=str(tool.python), PDM_IGNORE_SAVED_PYTHON="1")
    (project / "pylock.toml").write_text(world.index.recorded((project / "pylock.toml").read_text()))
