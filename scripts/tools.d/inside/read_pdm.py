"""Runs in PDM's environment: the candidates that its locked repository holds."""

import json
import os
import re
import sys

from pdm.core import Core


def source(candidate, root):
    """Where a candidate comes from; PDM's lockfile names no index."""
    req = candidate.req
    if req.is_vcs:
        return "git {}@{}".format(req.repo, candidate.get_revision())
    if not req.is_file_or_url:
        return None
    if getattr(req, "path", None) is None:
        return "url " + req.url.split("#")[0]
    return "path" if os.path.realpath(os.path.join(root, str(req.path))).startswith(root) else "url " + req.url


def main():
    root = os.path.realpath(os.path.dirname(os.path.abspath(sys.argv[1])))
    project = Core().create_project(root)
    if hasattr(project, "get_locked_repository"):
        repository = project.get_locked_repository()
    else:
        repository = project.locked_repository
    shared = getattr(repository, "file_hashes", {})
    found = []
    for p in repository.packages.values():
        c = getattr(p, "candidate", p)
        files = c.hashes or []
        digests = {f["hash"] for f in files} if isinstance(files, list) else set(files.values())
        digests |= set(shared.get((c.identify(), c.version), {}).values())
        found.append({"name": re.sub(r"[-_.]+", "-", c.name).lower(), "version": c.version or "",
                      "source": source(c, root), "digests": sorted(digests)})
    json.dump(found, sys.stdout)


main()
