"""Runs the real tools on the fixtures of lockfile/testdata/tools.

scripts/tools [check] [CASE...]  writes every answer anew, and fails if any differs from what is committed
scripts/tools make [CASE...]     locks anew, then answers
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import traceback

import answer
import cases
import serve
import tools
import world

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
FIXTURES = REPOSITORY / "lockfile" / "testdata" / "tools"
CACHE = pathlib.Path(os.environ.get("LOCKKEEPER_TOOLS") or
                     pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "lockkeeper-tools")


class Run:
    def __init__(self, w, scratch):
        self.world, self.scratch, self.failures, self.answers = w, scratch, [], 0
        self.tools = {}

    def tool(self, name):
        if name not in self.tools:
            try:
                self.tools[name] = tools.get(name, CACHE)
            except tools.Missing as e:
                self.tools[name] = e
        if isinstance(self.tools[name], tools.Missing):
            raise self.tools[name]
        return self.tools[name]

    def project(self, case):
        """A copy of the case without its answers, for the tool to write in."""
        place = pathlib.Path(tempfile.mkdtemp(dir=self.scratch)) / case.name
        shutil.copytree(FIXTURES / case.name, place, ignore=shutil.ignore_patterns("answer.*.json"))
        return place

    def attempt(self, what, action):
        try:
            action()
        except Exception as e:
            if not isinstance(e, (RuntimeError, subprocess.TimeoutExpired, tools.Missing)):
                traceback.print_exc()
            print(f"FAIL {what}: {e}", file=sys.stderr)
            self.failures.append(what)

    def make(self, case):
        project = self.project(case)
        case.make(self.world, self.tool(case.maker), project)
        text = (project / case.lockfile).read_text()
        for word in ("127.0.0.1", str(self.scratch), str(pathlib.Path.home())):
            if word in text:
                raise RuntimeError(f"{case.lockfile} names {word}")
        (FIXTURES / case.name / case.lockfile).write_text(text)

    def read(self, case, reader):
        tool = self.tool(reader)
        project = self.project(case)
        if not (project / case.lockfile).exists():
            raise RuntimeError(f"no {case.lockfile}: make it first")
        how, packages = case.read(self.world, tool, project, case.lockfile)
        if not packages:
            raise RuntimeError("no packages")
        text = answer.text(case.lockfile, tool.tool, tool.version, how, packages)
        if str(self.scratch) in text:
            raise RuntimeError(f"the answer names {self.scratch}")
        (FIXTURES / case.name / f"answer.{reader}.json").write_text(text)
        self.answers += 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("arguments", nargs="*", metavar="check|make [CASE...]")
    arguments = parser.parse_args().arguments or ["check"]
    making = arguments[0] == "make"
    wanted = arguments[1:] if arguments[0] in ("check", "make") else arguments
    chosen = [c for c in cases.ALL if not wanted or c.name in wanted]
    unknown = set(wanted) - {c.name for c in chosen}
    if unknown:
        sys.exit(f"no case {', '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory(prefix="lockkeeper-tools-") as scratch:
        w = world.World(pathlib.Path(scratch) / "world")
        w.index = serve.Index(w)
        run = Run(w, pathlib.Path(scratch))
        for case in chosen:
            if making and case.make:
                run.attempt(f"{case.name} made by {case.maker}", lambda: run.make(case))
            for reader in case.readers:
                run.attempt(f"{case.name} read by {reader}", lambda: run.read(case, reader))
    status = subprocess.run(["git", "-C", str(REPOSITORY), "status", "--porcelain", "--", str(FIXTURES)], capture_output=True, text=True, check=True).stdout
    if status:
        subprocess.run(["git", "-C", str(REPOSITORY), "--no-pager", "diff", "--", str(FIXTURES)], check=True)
        print(f"differs from what is committed:\n{status}", end="")
    print(f"{run.answers} answers, {len(run.failures)} failures" + "".join(f"\n  {f}" for f in run.failures))
    sys.exit(1 if run.failures or status else 0)


if __name__ == "__main__":
    main()
