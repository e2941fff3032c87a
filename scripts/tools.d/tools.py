"""Which tools answer, and how each is brought here: by its registry's client,
into a directory of its own."""

import os
import pathlib
import shutil
import subprocess

# Versions of Python that a tool runs on, the first that is here being taken.
# Tools of long ago run on none that is new.
NEW, OLD, OLDEST = ["3.11", "3.12", "3.13", "3.10"], ["3.9", "3.8"], ["3.6", "3.7"]

VERSIONS = {
    "uv-0.13.9": NEW, "uv-0.8.24": NEW, "uv-0.7.22": NEW, "uv-0.6.17": NEW, "uv-0.6.6": NEW, "uv-0.4.30": NEW,
    "poetry-2.5.1": NEW, "poetry-1.8.5": NEW, "poetry-1.1.15": OLD, "poetry-1.0.10": OLD[1:], "poetry-0.12.17": OLDEST[1:],
    "pdm-2.29.4": NEW, "pdm-2.10.4": NEW,
    "pipenv-2026.10.3": NEW, "pipenv-2023.12.1": NEW,
    "pip-26.3": NEW, "pip-23.3.2": NEW, "pip-20.3.4": OLD, "pip-21.3.1": OLDEST,
    "pip_tools-7.6.2": NEW, "packaging-26.3": NEW,
}

# What a tool needs an older version of than it says itself.
BESIDE = {"pdm-2.29.4": ["hishel<2"]}

# The cargo that the script's answers are of; rustup's proxy takes "+VERSION".
CARGO = "1.95.0"


class Missing(Exception):
    """A tool that cannot be had on this machine."""


def python(versions):
    for version in versions:
        places = sorted(pathlib.Path(os.environ.get("PYENV_ROOT", pathlib.Path.home() / ".pyenv")).glob(f"versions/{version}.*/bin/python"))
        for candidate in [shutil.which(f"python{version}"), *map(str, places)]:
            if candidate and subprocess.run([candidate, "-c", "import venv, ensurepip"], capture_output=True).returncode == 0:
                return candidate
    raise Missing(f"needs Python {' or '.join(versions)}")


class Tool:
    def __init__(self, name, cache):
        self.name = name
        self.tool, self.version = name.rsplit("-", 1)
        self.environment = {}
        self.home = pathlib.Path(cache) / name

    @property
    def python(self):
        return self.home / "bin" / "python"

    @property
    def program(self):
        return self.home / "bin" / self.tool.replace("pip_tools", "pip-compile")

    def install(self):
        done = self.home / "installed"
        if done.exists():
            return self
        shutil.rmtree(self.home, ignore_errors=True)
        subprocess.run([python(VERSIONS[self.name]), "-m", "venv", str(self.home)], check=True)
        environment = {k: v for k, v in os.environ.items() if k != "PIP_FIND_LINKS"}
        result = subprocess.run([str(self.python), "-m", "pip", "install", "-q", "--disable-pip-version-check",
                                 f"{self.tool.replace('_', '-')}=={self.version}", *BESIDE.get(self.name, [])],
                                env=environment, capture_output=True, text=True)
        if result.returncode != 0:
            raise Missing(f"pip cannot install it: {result.stderr.strip()[-300:]}")
        done.touch()
        return self


class Cargo:
    """A cargo of rustup, or the one on PATH if it has the right version."""

    def __init__(self, version):
        self.tool, self.version, self.name = "cargo", version, f"cargo-{version}"
        self.environment = {}

    def install(self):
        for toolchain in [self.version, ""]:
            environment = os.environ | ({"RUSTUP_TOOLCHAIN": toolchain} if toolchain else {})
            try:
                out = subprocess.run(["cargo", "--version"], env=environment, capture_output=True, text=True)
            except FileNotFoundError:
                break
            if out.returncode == 0 and out.stdout.split()[1] == self.version:
                self.program = shutil.which("cargo")
                self.environment = {"RUSTUP_TOOLCHAIN": toolchain} if toolchain else {}
                return self
        raise Missing(f"needs cargo {self.version} on PATH or in rustup")


def get(name, cache):
    if name.startswith("cargo-"):
        return Cargo(name.removeprefix("cargo-")).install()
    return Tool(name, cache).install()
