"""Build the sdists of a directory under an audit hook, and start wheels' hooks.

    python3 build.py DIR OUT [--jobs N] [--limit SECONDS] [--most MEGABYTES] [NAME...]

DIR is what fetch.py filled. THIS RUNS CODE OF THE PACKAGES: that is what it is for.
Name only packages that you would install. Every sdist is unpacked and built by
"pip wheel --no-deps" in a throw-away environment in which audit.py runs, for at
most SECONDS (default 60); what ran until then counts. Where that environment has
all build requirements by name, they are not installed anew (--no-build-isolation),
which is most of the time that a small build takes. Every wheel is laid
into a directory that site.addsitedir then starts from. OUT gets
NAME.sdist.json and NAME.wheel.json; one that is there already is not made again. Archives
above MEGABYTES (default 15) are left out.
"""

import argparse
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import venv
import zipfile
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))

# What most builds require. pip itself installs them, from its configured index.
COMMON = """setuptools wheel hatchling hatch-vcs hatch-fancy-pypi-readme flit-core poetry-core pdm-backend setuptools-scm
    cython cffi pbr packaging typing-extensions trove-classifiers tomli""".split()


def normalized(requirement):
    """The project's name in a requirement, by PEP 503."""
    name = re.match(r"\s*([A-Za-z0-9._-]+)", requirement)
    return re.sub(r"[-_.]+", "-", name[1]).lower() if name else requirement


def requirements(source):
    """Names of the build requirements of a source tree."""
    try:
        with open(os.path.join(source, "pyproject.toml"), "rb") as f:
            system = tomllib.load(f).get("build-system", {})
    except OSError:
        system = {}
    return {normalized(r) for r in system.get("requires", ["setuptools", "wheel"])}


def environment(directory):
    """A virtual environment in which audit.py runs at every start."""
    venv.create(directory, with_pip=True, symlinks=True)
    python = os.path.join(directory, "bin", "python")
    subprocess.check_call([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "-U", "pip", *COMMON])
    site = subprocess.check_output([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True).strip()
    shutil.copy(os.path.join(HERE, "audit.py"), os.path.join(site, "lockkeeper_audit.py"))
    with open(os.path.join(site, "0_lockkeeper_audit.pth"), "w") as f:
        f.write("import lockkeeper_audit\n")
    return python


def unpack(archive, directory):
    """Unpack an sdist. Returns its top directory."""
    if archive.endswith(".zip"):
        with zipfile.ZipFile(archive) as z:
            z.extractall(directory)
    else:
        with tarfile.open(archive) as t:
            t.extractall(directory, filter="data")
    tops = os.listdir(directory)
    return os.path.join(directory, tops[0]) if len(tops) == 1 else directory


def run(command, seconds, **options):
    """Run a command and all that it starts for at most so long. "ok", "failed" or "timed out"."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True, **options)
    try:
        output, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        return "timed out", output
    return "ok" if process.returncode == 0 else "failed", output


def events(trace):
    """What audit.py wrote."""
    if not os.path.exists(trace):
        return []
    with open(trace) as f:
        return [json.loads(line) for line in f]


def build(python, archive, seconds):
    """What building an sdist executes of it."""
    with tempfile.TemporaryDirectory(prefix="lockkeeper-build-") as work:
        source = unpack(archive, os.path.join(work, "source"))
        trace = os.path.join(work, "trace")
        home = os.path.join(work, "home")
        os.mkdir(home)
        env = {k: v for k, v in os.environ.items() if "TOKEN" not in k and "SECRET" not in k and "KEY" not in k}
        env.update(LOCKKEEPER_ROOT=source, LOCKKEEPER_TRACE=trace, HOME=home, PIP_CACHE_DIR=CACHE, MAX_JOBS="1", CMAKE_BUILD_PARALLEL_LEVEL="1")
        command = [python, "-m", "pip", "wheel", "-q", "--no-deps", "--disable-pip-version-check", "-w", os.path.join(work, "out")]
        if requirements(source) <= set(COMMON):
            command.append("--no-build-isolation")
        state, output = run([*command, source], seconds, env=env, cwd=work)
        return {"state": state, "events": events(trace), "output": "" if state == "ok" else output.decode(errors="replace")[-600:]}


def start(python, archive, seconds):
    """What an interpreter executes of a wheel when it merely starts."""
    with tempfile.TemporaryDirectory(prefix="lockkeeper-start-") as work:
        site = os.path.join(work, "site-packages")
        with zipfile.ZipFile(archive) as z:
            if not any(".data/" in name for name in z.namelist()):
                z.extractall(site)  # all that an installer does with it, but for RECORD
        if not os.path.exists(site):
            subprocess.check_call([python, "-m", "pip", "install", "-q", "--no-deps", "--no-compile", "--no-index", "--disable-pip-version-check", "--target", site, os.path.abspath(archive)], env=dict(os.environ, LOCKKEEPER_ROOT=""))
        trace = os.path.join(work, "trace")
        program = "import site, sys; site.addsitedir(sys.argv[1]); site.execsitecustomize(); site.execusercustomize()"
        state, output = run([python, "-c", program, site], seconds, env=dict(os.environ, LOCKKEEPER_ROOT=site, LOCKKEEPER_TRACE=trace), cwd=work)
        return {"state": state, "events": events(trace), "output": output.decode(errors="replace")[-600:]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dir")
    parser.add_argument("out")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--limit", type=int, default=60)
    parser.add_argument("--most", type=float, default=15)
    options = parser.parse_args()
    os.makedirs(options.out, exist_ok=True)
    global CACHE
    CACHE = os.path.abspath(os.path.join(options.out, "cache"))

    def one(job):
        kind, name, archive = job
        target = os.path.join(options.out, name + "." + kind + ".json")
        if os.path.exists(target):
            return
        try:
            result = (build if kind == "sdist" else start)(python, archive, options.limit)
        except Exception as e:  # said in the result, and the others go on
            result = {"state": "failed", "events": [], "output": repr(e)}
        result["archive"] = os.path.basename(archive)
        with open(target, "w") as f:
            json.dump(result, f)
        print(name, kind, result["state"], len(result["events"]), flush=True)

    jobs = []
    for kind in ("wheel", "sdist"):
        for name in sorted(options.names or os.listdir(os.path.join(options.dir, kind))):
            for archive in glob.glob(os.path.join(options.dir, kind, name, "*")):
                if os.path.getsize(archive) <= options.most * 1e6:
                    jobs.append((kind, name, archive))
    with tempfile.TemporaryDirectory(prefix="lockkeeper-env-") as env:
        python = environment(env)
        with ThreadPoolExecutor(options.jobs) as pool:
            list(pool.map(one, jobs))


if __name__ == "__main__":
    main()
