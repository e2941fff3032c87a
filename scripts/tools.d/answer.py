"""The neutral notation of answers: names canonical, sources and digests in one form."""

import json
import re

PUBLIC = {"https://pypi.org/simple", "https://github.com/rust-lang/crates.io-index"}


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def registry(url):
    """The source of a registry; the ecosystem's public one has no address."""
    return "registry" if url is None or url.rstrip("/") in PUBLIC else f"registry {url}"


def package(name, version, source, digests):
    """One package. None stands for what the tool does not report."""
    return {"name": name, "version": version, "source": source,
            "digests": None if digests is None else sorted(set(digests))}


def unite(packages):
    """Packages that stand several times, for extras or categories, once."""
    united = {}
    for p in packages:
        key = p["name"], p["version"], p["source"]
        if key in united and p["digests"] is not None:
            united[key]["digests"] = sorted({*united[key]["digests"], *p["digests"]})
        united.setdefault(key, dict(p))
    return list(united.values())


def text(file, tool, version, how, packages):
    key = lambda p: (p["name"], p["version"] or "", p["source"] or "", p["digests"] or [])
    packages = sorted(packages, key=key)
    head = {"file": file, "tool": tool, "version": version, "how": how}
    lines = ",\n".join("    " + json.dumps(p) for p in packages)
    return json.dumps(head, indent=2)[:-2] + ',\n  "packages": [\n' + lines + "\n  ]\n}\n"
