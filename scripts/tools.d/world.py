"""What the fixtures depend on, made anew and byte for byte the same each time:
git repositories, cargo registries, wheels and sdists."""

import base64
import hashlib
import io
import json
import os
import pathlib
import struct
import subprocess
import tarfile
import zipfile
import zlib

HOST = "https://example.invalid/"


def gzip_stored(data):
    """gzip without compression, so that no version of zlib has a say in its digest."""
    out = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
    blocks = [data[i:i + 65535] for i in range(0, len(data), 65535)] or [b""]
    for i, block in enumerate(blocks):
        out += struct.pack("<BHH", i == len(blocks) - 1, len(block), len(block) ^ 0xFFFF) + block
    return out + struct.pack("<II", zlib.crc32(data), len(data))


def tarball(files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(text.encode()), 0o644
            tar.addfile(info, io.BytesIO(text.encode()))
    return gzip_stored(buffer.getvalue())


def zipped(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as z:
        for name, text in files.items():
            z.writestr(zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0)), text)
    return buffer.getvalue()


# Git.

def crate(name, version, dependencies=""):
    return f'[package]\nname = "{name}"\nversion = "{version}"\n\n[dependencies]\n{dependencies}'


# A build backend inside the tree: nothing has to be fetched to build it.
BACKEND = '''
import zipfile

NAME, VERSION = "{name}", "{version}"
METADATA = f"Metadata-Version: 2.1\\nName: {{NAME}}\\nVersion: {{VERSION}}\\n"
WHEEL = "Wheel-Version: 1.0\\nGenerator: fixture\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"


def build_wheel(directory, config_settings=None, metadata_directory=None):
    stem = f"{{NAME.replace('-', '_')}}-{{VERSION}}"
    with zipfile.ZipFile(f"{{directory}}/{{stem}}-py3-none-any.whl", "w") as z:
        z.writestr(f"{{stem}}.dist-info/METADATA", METADATA)
        z.writestr(f"{{stem}}.dist-info/WHEEL", WHEEL)
        z.writestr(f"{{stem}}.dist-info/RECORD", "")
    return f"{{stem}}-py3-none-any.whl"


build_editable = build_wheel
'''


def python_tree(name, version, below=""):
    pyproject = (f'[project]\nname = "{name}"\nversion = "{version}"\ndependencies = []\n\n'
                 '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n')
    return {below + "pyproject.toml": pyproject,
            below + "backend.py": BACKEND.format(name=name, version=version),
            below + name.replace("-", "_") + "/__init__.py": ""}


# What poetry read before there was [project].
POETRY = """[tool.poetry]
name = "fixture-vcs"
version = "0.9"
description = ""
authors = ["Fixture <fixture@example.invalid>"]
"""


def rust_tree(name, version, below="", dependencies=""):
    return {below + "Cargo.toml": crate(name, version, dependencies), below + "src/lib.rs": ""}


# Repository -> commits in order: branch, tag or None, files. Every commit of a
# branch follows that branch's last.
REPOSITORIES = {
    "fixture.git": [
        ("master", None, rust_tree("fixture-rev", "0.0.1", "rev/")),
        ("master", None, rust_tree("fixture-git", "1.0.0", "", 'fixture-inner = { path = "inner" }\n')
         | rust_tree("fixture-inner", "1.0.1", "inner/")),
        ("feature+x", None, rust_tree("fixture-side", "0.5.0")),
    ],
    "lazycell.git": [("main", "v1.3.9", rust_tree("lazycell", "1.3.9"))],
    "fixture-py.git": [
        ("main", "v1.0", python_tree("fixture-vcs", "1.0")),
        ("feature", None, python_tree("fixture-sub", "2.0", "python/")),
        ("poetry", "v0.9", {"pyproject.toml": POETRY, "fixture_vcs/__init__.py": ""}),
    ],
}


def repository(path, commits):
    """Makes a bare repository; returns the commits' ids in order."""
    subprocess.run(["git", "init", "-q", "--bare", "-b", commits[0][0], str(path)], check=True)
    stream, ids, mark = [], [], 0
    for branch, tag, files in commits:
        mark += 1
        stream.append(f"commit refs/heads/{branch}\nmark :{mark}\n"
                      "committer Fixture <fixture@example.invalid> 1704067200 +0000\n"
                      f"data {len('fixture')}\nfixture\n")
        for name, text in sorted(files.items()):
            stream.append(f"M 100644 inline {name}\ndata {len(text.encode())}\n{text}\n")
        if tag:
            stream.append(f"reset refs/tags/{tag}\nfrom :{mark}\n\n")
    marks = path / "marks"
    subprocess.run(["git", "-C", str(path), "fast-import", "--quiet", f"--export-marks={marks}"],
                   input="".join(stream).encode(), check=True)
    for line in marks.read_text().splitlines():
        ids.append(line.split())
    return [sha for _, sha in sorted(ids)]


# Registry -> crates of it with their dependencies.
CRATES = {
    "ours": [("itoa", "1.0.11", [])],
    "theirs": [("fixture-leaf", "0.9.0", []), ("fixture-leaf", "1.0.0", []),
               ("fixture-stem", "1.2.3", ["fixture-leaf"])],
}


def registry(path, crates):
    path.mkdir(parents=True)
    for name, version, dependencies in crates:
        needs = "".join(f'{d} = "1"\n' for d in dependencies)
        data = tarball({f"{name}-{version}/{n}": t for n, t in rust_tree(name, version, "", needs).items()})
        (path / f"{name}-{version}.crate").write_bytes(data)
        index = path / "index" / name[:2] / name[2:4] / name
        index.parent.mkdir(parents=True, exist_ok=True)
        with index.open("a") as f:
            json.dump({"name": name, "vers": version, "features": {}, "yanked": False,
                       "cksum": hashlib.sha256(data).hexdigest(),
                       "deps": [{"name": d, "req": "^1", "features": [], "optional": False, "default_features": True,
                                 "target": None, "kind": "normal"} for d in dependencies]}, f)
            f.write("\n")


# Python packages: index -> name as its author writes it, version, requirements,
# tags of its wheels, whether it has an sdist.
PYTHON = {
    "public": [
        ("Fixture.Alpha", "1.0", [], ["py3-none-any"], True),
        ("Fixture.Alpha", "2.0", [], ["py3-none-any"], True),
        ("fixture_beta", "1.5.0", ["fixture-alpha>=1.0", 'fixture-gamma>=1; extra == "fast"'], ["py2.py3-none-any"], True),
        ("fixture-gamma", "1.1", [], ["cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64",
                                      "cp311-cp311-win_amd64", "py3-none-any"], True),
        ("fixture-delta", "2024.1.post1", ['fixture-beta[fast]; python_version >= "3.9"'], ["py3-none-any"], False),
        ("fixture-epsilon", "3.0", ['fixture-alpha==1.0; sys_platform == "win32"',
                                    'fixture-alpha==2.0; sys_platform != "win32"'], ["py3-none-any"], True),
        ("fixture-theta", "2.1", [], ["py3-none-any"], False),
        ("fixture-zeta", "1.0+local.1", [], ["py3-none-any"], False),
    ],
    "private": [
        ("fixture-ours", "0.1", ["fixture-gamma"], ["py3-none-any"], True),
    ],
}


def distributions(name, version, requires, tags, sdist):
    """Yields (file name, bytes) of a release."""
    snake = name.replace("-", "_").replace(".", "_").lower()
    metadata = f"Metadata-Version: 2.2\nName: {name}\nVersion: {version}\nRequires-Python: >=3.7\n"
    extras = sorted({r.split('extra == "')[1].split('"')[0] for r in requires if "extra ==" in r})
    metadata += "".join(f"Provides-Extra: {e}\n" for e in extras) + "".join(f"Requires-Dist: {r}\n" for r in requires)
    for tag in tags:
        info = f"{snake}-{version}.dist-info"
        files = {f"{snake}/__init__.py": "", f"{info}/METADATA": metadata,
                 f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: fixture\nRoot-Is-Purelib: true\nTag: {tag}\n"}
        record = "".join("{},sha256={},{}\n".format(
            n, base64.urlsafe_b64encode(hashlib.sha256(t.encode()).digest()).decode().rstrip("="), len(t))
            for n, t in files.items())
        yield f"{snake}-{version}-{tag}.whl", zipped(files | {f"{info}/RECORD": record + f"{info}/RECORD,,\n"})
    if sdist:
        below = f"{snake}-{version}/"
        yield f"{snake}-{version}.tar.gz", tarball(python_tree(snake, version, below) | {below + "PKG-INFO": metadata})


class World:
    """Everything below one directory, which is made anew."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.commits = {name: repository(self.root / "git" / name, commits) for name, commits in REPOSITORIES.items()}
        for name, crates in CRATES.items():
            registry(self.root / "crates" / name, crates)
        for index, releases in PYTHON.items():
            for release in releases:
                for name, data in distributions(*release):
                    place = self.root / "files" / index / name
                    place.parent.mkdir(parents=True, exist_ok=True)
                    place.write_bytes(data)
        config = f'[url "file://{self.root}/git/"]\n\tinsteadOf = {HOST}\n[protocol "file"]\n\tallow = always\n'
        (self.root / "gitconfig").write_text(config)

    def environment(self):
        """The caller's environment without anybody's settings for the tools."""
        ours = {k: v for k, v in os.environ.items()
                if k in ("PATH", "LANG", "TMPDIR", "SSL_CERT_FILE", "PIP_CERT", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN", "PYENV_ROOT")
                or k.lower().endswith("_proxy")}
        home = self.root / "home"
        home.mkdir(exist_ok=True)
        ours.setdefault("RUSTUP_HOME", str(pathlib.Path.home() / ".rustup"))
        return ours | {"HOME": str(home), "GIT_CONFIG_GLOBAL": str(self.root / "gitconfig"), "GIT_CONFIG_NOSYSTEM": "1",
                       "PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "LC_ALL": "C.UTF-8",
                       "SOURCE_DATE_EPOCH": "1704067200", "NO_COLOR": "1", "PYTHONWARNINGS": "ignore"}
