"""Tools of Python: run one of theirs, or a reader of ours among their modules."""

import json
import pathlib
import subprocess

INSIDE = pathlib.Path(__file__).resolve().parent / "inside"


def run(world, tool, project, command, **environment):
    path = f"{tool.home / 'bin'}:{world.environment()['PATH']}"
    result = subprocess.run(list(map(str, command)), cwd=project, capture_output=True, text=True, timeout=300,
                            env=world.environment() | {"PATH": path, "VIRTUAL_ENV": str(tool.home)} | environment)
    if result.returncode != 0:
        raise RuntimeError(f"{tool.name}: {' '.join(map(str, command))}: {(result.stderr + result.stdout).strip()[-2000:]}")
    return result.stdout


def reader(script, how):
    """The answer of a script that prints packages."""
    def read(world, tool, project, lockfile):
        out = run(world, tool, project, [tool.python, "-B", INSIDE / script, lockfile])
        return how, json.loads(out[out.index("["):])
    return read
