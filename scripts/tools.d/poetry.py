"""poetry.lock, made by poetry and read by its Locker."""

import venvtool

HOW = "poetry.packages.Locker(...).locked_repository().packages"

read = venvtool.reader("read_poetry.py", HOW)


def make(world, tool, project):
    manifest = project / "pyproject.toml"
    manifest.write_text(world.index.served(manifest.read_text()))
    venvtool.run(world, tool, project, [tool.python, "-B", venvtool.INSIDE / "run_poetry.py", "lock", "-n"],
                 FIXTURE_INDEX=world.index.base + "/public/", POETRY_VIRTUALENVS_CREATE="false", POETRY_SYSTEM_GIT_CLIENT="true",
                 POETRY_EXPERIMENTAL_SYSTEM_GIT_CLIENT="true", POETRY_KEYRING_ENABLED="false", PYTHON_KEYRING_BACKEND="keyring.backends.null.Keyring")
    lock = project / "poetry.lock"
    lock.write_text(world.index.recorded(lock.read_text()))
