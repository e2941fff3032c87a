"""Fetch the sdist and one wheel of every package that a list names, with pip.

    python3 fetch.py PACKAGES.TSV DIR

"pip download" prepares the metadata of an sdist, which runs code of the package.
So pip's own finder and session, with whatever index and certificates pip is
configured for, are asked for the files alone: nothing is built here. The hash
that the index states is checked. DIR gets sdist/NAME/FILE and wheel/NAME/FILE; a
file that is there already is not fetched again.

A line of the list without a version takes the newest final release that has
something for this interpreter, and prints the line with it.
"""

import hashlib
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from pip._internal.commands import create_command

local = threading.local()


def finder():
    """A finder and its session for this thread."""
    if not hasattr(local, "finder"):
        command = create_command("download")
        options, _ = command.parse_args(["-q", "x"])
        local.session = command._build_session(options)
        local.finder = command._build_package_finder(options, local.session)
    return local.finder, local.session


def fetch(line, directory):
    """Fetch what one line names. Returns the line with its version, and a note."""
    fields = line.rstrip("\n").split("\t")
    name, version = fields[0], fields[1] if len(fields) > 1 else ""
    find, session = finder()
    candidates = find.find_all_candidates(name)
    if not version:
        final = [c.version for c in candidates if not c.version.is_prerelease and not c.link.is_yanked]
        if not final:
            return None, f"{name}: no release"
        version = str(max(final))
    notes = []
    here = [c for c in candidates if str(c.version) == version]
    for kind, links in (
        ("sdist", [c.link for c in here if not c.link.is_wheel and c.link.filename.endswith((".tar.gz", ".zip", ".tar.bz2"))]),
        ("wheel", [c.link for c in here if c.link.is_wheel]),
    ):
        if not links:
            notes.append(f"{name}: no {kind}")
            continue
        link = links[-1]
        target = os.path.join(directory, kind, name, link.filename)
        if os.path.exists(target):
            continue
        response = session.get(link.url_without_fragment, timeout=120)
        response.raise_for_status()
        data = response.content
        if link.hash_name and hashlib.new(link.hash_name, data).hexdigest() != link.hash:
            notes.append(f"{name}: {link.filename} has another hash than the index says")
            continue
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target + ".part", "wb") as out:
            out.write(data)
        os.replace(target + ".part", target)
    return "\t".join([name, version] + fields[2:]), "; ".join(notes)


def main(packages, directory):
    with open(packages) as f:
        lines = [line for line in f if line.strip() and not line.startswith("#")]

    def one(line):
        try:
            return fetch(line, directory)
        except Exception as e:  # one package that cannot be had is said, the others are fetched
            return None, f"{line.split()[0]}: {e}"

    missing = 0
    with ThreadPoolExecutor(4) as pool:
        for line, note in pool.map(one, lines):
            if line:
                print(line)
            else:
                missing += 1
            if note:
                print(note, file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
