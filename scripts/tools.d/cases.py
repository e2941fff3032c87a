"""The cases: which tool made each lockfile, and which read it."""

import dataclasses
import typing

import cargo
import pdm
import pipenv
import poetry
import pylock
import requirements
import tools
import uv


@dataclasses.dataclass
class Case:
    name: str
    lockfile: str
    maker: str
    make: typing.Optional[typing.Callable]  # None: made by hand
    read: typing.Callable
    readers: list


CARGO = f"cargo-{tools.CARGO}"

ALL = [Case(name, "Cargo.lock", CARGO, cargo.make, cargo.read, [CARGO])
       for name in ("cargo-v1", "cargo-v2", "cargo-v3", "cargo-v4", "cargo-registries", "cargo-namesakes", "cargo-replace")]

ALL += [Case("requirements-rich", "requirements.txt", "", None, requirements.read, requirements.READERS),
        Case("requirements-lines", "requirements.txt", "", None, requirements.read, requirements.READERS),
        Case("requirements-new", "requirements.txt", "", None, requirements.read, requirements.READERS[:2]),
        Case("requirements-pip-compile", "requirements.txt", "pip_tools-7.6.2", requirements.make_pip_compile, requirements.read,
             requirements.READERS),
        Case("requirements-uv", "requirements.txt", "uv-0.13.9", requirements.make_uv, requirements.read, requirements.READERS)]

ALL += [Case(name, "poetry.lock", readers[0], poetry.make, poetry.read, readers) for name, readers in {
    "poetry-2.1": ["poetry-2.5.1", "poetry-1.8.5"],
    "poetry-2.0": ["poetry-1.8.5", "poetry-2.5.1"],
    "poetry-1.0": ["poetry-1.0.10", "poetry-1.1.15", "poetry-1.8.5", "poetry-2.5.1"],
    "poetry-oldest": ["poetry-0.12.17", "poetry-1.0.10"],
}.items()]

ALL += [Case(name, "uv.lock", maker, uv.make, uv.read, ["uv-0.13.9", "uv-0.8.24", "uv-0.7.22", "uv-0.6.17", "uv-0.4.30"])
        for name, maker in {"uv-0": "uv-0.4.30", "uv-1": "uv-0.6.6", "uv-2": "uv-0.7.22",
                            "uv-3": "uv-0.8.24", "uv-5": "uv-0.13.9"}.items()]

ALL += [Case(name, "pdm.lock", maker, pdm.make(*options), pdm.read, readers) for name, maker, options, readers in [
    ("pdm-4.5", "pdm-2.29.4", pdm.ALL, ["pdm-2.29.4", "pdm-2.10.4"]),
    ("pdm-4.5-urls", "pdm-2.29.4", [*pdm.ALL, "--static-urls"], ["pdm-2.29.4", "pdm-2.10.4"]),
    ("pdm-4.4", "pdm-2.10.4", pdm.ALL, ["pdm-2.10.4", "pdm-2.29.4"]),
]]

ALL += [Case(name, "Pipfile.lock", maker, pipenv.make, pipenv.read, ["pipenv-2026.10.3", "pipenv-2023.12.1"])
        for name, maker in {"pipenv": "pipenv-2026.10.3", "pipenv-2023": "pipenv-2023.12.1"}.items()]

ALL += [Case(name, "pylock.toml", maker, make, pylock.read, ["packaging-26.3"]) for name, maker, make in [
    ("pylock-uv", "uv-0.13.9", uv.make_pylock), ("pylock-pip", "pip-26.3", pylock.make_pip), ("pylock-pdm", "pdm-2.29.4", pdm.make_pylock)]]
