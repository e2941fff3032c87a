"""Cargo.lock, made and read by cargo."""

import json
import pathlib
import re
import subprocess

import answer

HOW = "cargo metadata --all-features --locked; digests from the checksum files of cargo vendor"
HOW_WITHOUT = "cargo metadata --all-features --locked; without digests, since cargo vendor takes one source of a version"

CONFIG = """
[net]
git-fetch-with-cli = true

[registries.ours]
index = "https://example.invalid/ours-index.git"

[registries.theirs]
index = "sparse+https://example.invalid/theirs/"

[source.ours-name]
registry = "https://example.invalid/ours-index.git"
replace-with = "ours-local"

[source.ours-local]
local-registry = "{root}/crates/ours"

[source.theirs-name]
registry = "sparse+https://example.invalid/theirs/"
replace-with = "theirs-local"

[source.theirs-local]
local-registry = "{root}/crates/theirs"
"""


def environment(world, cargo):
    home = world.root / "cargo-home"
    home.mkdir(exist_ok=True)
    (home / "config.toml").write_text(CONFIG.format(root=world.root))
    return world.environment() | {"CARGO_HOME": str(home)} | cargo.environment


def run(world, cargo, project, *arguments):
    result = subprocess.run([str(cargo.program), *arguments], cwd=project, env=environment(world, cargo),
                            capture_output=True, text=True)
    if result.returncode != 0:
        raise RuntimeError(f"{cargo.name} {' '.join(arguments)}: {result.stderr.strip()}")
    return result.stdout


def make(world, cargo, project):
    run(world, cargo, project, "generate-lockfile")


def source(text):
    if text is None:
        return "path"
    kind, url = text.split("+", 1)
    if kind == "git":
        url, revision = url.split("#")
        return f"git {url.split('?')[0]}@{revision}"
    return answer.registry(url if kind == "registry" else text)


def checksums(project):
    """Digests by name and version, from what cargo vendor wrote."""
    found = {}
    for place in sorted((project / "vendored").iterdir()):
        manifest = (place / "Cargo.toml").read_text()
        name = re.search(r'^name = "(.*)"$', manifest, re.M).group(1)
        version = re.search(r'^version = "(.*)"$', manifest, re.M).group(1)
        digest = json.loads((place / ".cargo-checksum.json").read_text()).get("package")
        found[name, version] = [f"sha256:{digest}"] if digest else []
    return found


def read(world, cargo, project, lockfile):
    before = (project / lockfile).read_bytes()
    metadata = json.loads(run(world, cargo, project, "metadata", "--format-version", "1", "--all-features", "--locked"))
    keys = [(p["name"], p["version"]) for p in metadata["packages"]]
    digests = None
    if len(set(keys)) == len(keys):
        run(world, cargo, project, "vendor", "--locked", "--versioned-dirs", "--respect-source-config", "vendored")
        digests = checksums(project)
    if (project / lockfile).read_bytes() != before:
        raise RuntimeError(f"{cargo.name} changed {lockfile} although it was locked")
    packages, listed = [], set()
    for p in metadata["packages"]:
        key, place = (p["name"], p["version"]), source(p["source"])
        if place != "path":
            listed.add(key)
        packages.append(answer.package(*key, place, None if digests is None else
                                       digests.get(key, []) if place != "path" else []))
    # What [replace] stands in for is locked and vendored, but not listed.
    packages += [answer.package(*key, None, found) for key, found in (digests or {}).items() if key not in listed]
    return HOW if digests is not None else HOW_WITHOUT, packages
