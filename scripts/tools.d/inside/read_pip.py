"""Runs in pip's environment: what pip's own parser makes of a requirements file."""

import inspect
import json
import os
import re
import sys
import unittest.mock

from pip._internal.network.session import PipSession
from pip._internal.req.constructors import install_req_from_parsed_requirement
from pip._internal.req.req_file import parse_requirements
from pip._internal.models.search_scope import SearchScope
from pip._internal.models.wheel import Wheel
from pip._internal.vcs import vcs


def finder():
    """What the parser asks of a package finder, and sets."""
    found = unittest.mock.MagicMock()
    keywords = {"no_index": False} if "no_index" in inspect.signature(SearchScope.create).parameters else {}
    found.search_scope = SearchScope.create(find_links=[], index_urls=["https://pypi.org/simple"], **keywords)
    type(found).find_links = property(lambda self: self.search_scope.find_links)
    type(found).index_urls = property(lambda self: self.search_scope.index_urls)
    return found


def source(requirement, index, root):
    link = requirement.link
    if link is None:
        return index
    if link.is_vcs:
        url, revision, _ = vcs.get_backend_for_scheme(link.scheme).get_url_rev_and_auth(link.url_without_fragment)
        return "git {}@{}".format(url, revision or "")
    if link.is_file and os.path.realpath(link.file_path).startswith(root):
        return "path"
    return "url " + link.url_without_fragment


def name(requirement, root):
    if requirement.req is not None and requirement.req.name:
        return re.sub(r"[-_.]+", "-", requirement.req.name).lower()
    if requirement.link.is_file:
        return "./" + os.path.relpath(os.path.realpath(requirement.link.file_path), root)
    return requirement.link.url_without_fragment


def version(requirement):
    link = requirement.link
    if link is None:
        pins = [s for s in requirement.specifier if s.operator in ("==", "===") and not s.version.endswith(".*")]
        return pins[0].version if len(requirement.specifier) == 1 and pins else ""
    if link.is_wheel and not link.is_file:
        return Wheel(link.filename).version
    return ""


def main():
    root, used = os.path.realpath("."), finder()
    parsed = list(parse_requirements(sys.argv[1], session=PipSession(), finder=used))
    urls = used.index_urls
    index = "registry" if urls and urls[0].rstrip("/") == "https://pypi.org/simple" else "registry " + (urls or [""])[0]
    found = []
    for p in parsed:
        requirement = install_req_from_parsed_requirement(p)
        digests = {"{}:{}".format(a, d.lower()) for a, ds in requirement.hash_options.items() for d in ds} \
            if hasattr(requirement, "hash_options") else set()
        if requirement.link is not None and requirement.link.hash:
            digests.add("{}:{}".format(requirement.link.hash_name, requirement.link.hash))
        found.append({"name": name(requirement, root), "version": version(requirement),
                      "source": source(requirement, index, root), "digests": sorted(digests)})
    json.dump(found, sys.stdout)


main()
