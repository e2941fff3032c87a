"""An audit hook that writes down what of a source tree a build executes.

build.py puts this file into the throw-away environment that builds, beside a .pth
file that runs it at every start of the interpreter, so that it sits in pip, in
every hook process and in every interpreter that these start.

LOCKKEEPER_ROOT is the directory of the unpacked sdist, LOCKKEEPER_TRACE the file
that gets one JSON object per event:

    {"executed": "setup.py"}                       a file whose code ran
    {"loaded": "x.so"}                             a compiled module or library
    {"program": "gcc", "by": [...]}                a process was started
    {"network": "socket.connect", "by": [...]}     a connection was tried

"by" is the call stack, innermost first, without the standard library: "@setup.py"
is a file of the sdist, "setuptools/dist.py" one of a build requirement.
"""

import sys


def install():
    import __future__
    import builtins
    import json
    import os
    import sysconfig

    root, trace = os.environ.get("LOCKKEEPER_ROOT"), os.environ.get("LOCKKEEPER_TRACE")
    if not root or not trace:
        return
    root = os.path.realpath(root) + os.sep
    standard = tuple(os.path.realpath(sysconfig.get_path(p)) + os.sep for p in ("stdlib", "platstdlib"))
    out = os.open(trace, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    seen, opened = set(), []  # opened: for exec(open(...).read())
    busy = False
    future = 0
    for feature in __future__.all_feature_names:
        future |= getattr(__future__, feature).compiler_flag
    realpath, isabs, join, basename = os.path.realpath, os.path.isabs, os.path.join, os.path.basename
    Code, compile_, open_, getcwd, write, dumps, frame_of = type(install.__code__), builtins.compile, builtins.open, os.getcwd, os.write, json.dumps, sys._getframe

    def inside(name):
        """name relative to the source tree, or None."""
        if isinstance(name, bytes):
            name = os.fsdecode(name)
        if not isinstance(name, str) or not name or name[0] == "<":
            return None
        full = realpath(name if isabs(name) else join(getcwd(), name))
        return full[len(root) :] if full.startswith(root) else None

    def stack():
        by, frame = [], frame_of(2)
        while frame is not None and len(by) < 60:
            name = frame.f_code.co_filename
            if name.startswith("<") and isinstance(frame.f_globals.get("__file__"), str):
                name = frame.f_globals["__file__"]
            frame = frame.f_back
            if name == __file__:
                continue
            rel = inside(name)
            if rel is not None:
                by.append("@" + rel)
            elif "site-packages" + os.sep in name:
                by.append(name.rsplit("site-packages" + os.sep, 1)[1])
            elif not name.startswith("<") and not realpath(name).startswith(standard):
                by.append(name)
        return [b for i, b in enumerate(by) if i == 0 or by[i - 1] != b]

    def say(**event):
        if event.get("by") and event["by"][0].startswith("pip/"):
            return  # pip's own business
        line = dumps(event, default=str) + "\n"
        if line not in seen:
            seen.add(line)
            write(out, line.encode())

    def executed(code):
        rel = inside(code.co_filename)
        if rel is not None:
            return rel
        if not code.co_filename.startswith("<"):
            return None
        # exec(open(...).read()): compare with what was opened before.
        for name in reversed(opened):
            try:
                with open_(join(root, name), "rb") as f:
                    source = f.read()
                # exec() hands on the __future__ statements of its caller.
                if compile_(source, code.co_filename, "exec", code.co_flags & future, dont_inherit=True) == code:
                    return name
            except (OSError, SyntaxError, ValueError):
                continue
        return None

    def hook(event, args):
        nonlocal busy
        if busy:
            return
        busy = True
        try:
            if event == "open":
                rel = inside(args[0])
                if rel is not None and rel not in opened:
                    opened.append(rel)
            elif event == "exec" and isinstance(args[0], Code):
                rel = executed(args[0])
                if rel is not None:
                    say(executed=rel)
            elif event in ("cpython.run_file", "cpython.run_startup"):
                rel = inside(args[0])
                if rel is not None:
                    say(executed=rel)
            elif event == "import" and args[1]:
                rel = inside(args[1])
                if rel is not None:
                    say(loaded=rel)
            elif event == "ctypes.dlopen":
                rel = inside(args[0]) if args[0] else None
                say(loaded=rel if rel is not None else "outside:" + str(args[0]), by=stack())
            elif event == "subprocess.Popen":
                command = args[1] if isinstance(args[1], (list, tuple)) else [args[1]]
                say(program=basename(os.fsdecode(args[0] or command[0])), arguments=[os.fsdecode(a)[:200] for a in command[:4]], by=stack())
            elif event in ("os.system", "os.exec", "os.posix_spawn", "os.spawn", "pty.spawn"):
                say(program=event, arguments=[str(a)[:200] for a in args[:2]], by=stack())
            elif event in ("os.fork", "os.forkpty"):
                say(fork=event, by=stack())
            elif event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.bind", "urllib.Request"):
                say(network=event, to=str(args[-2:])[:200], by=stack())
        except Exception as e:  # the build goes on; the reader of the trace sees that something is missing
            write(out, (dumps({"broken": repr(e)}) + "\n").encode())
        finally:
            busy = False

    sys.addaudithook(hook)
    # A script runs without an "exec" of its own where the interpreter was handed it.
    if sys.argv and getattr(sys, "orig_argv", None):
        for argument in sys.orig_argv[1:]:
            if not argument.startswith("-"):
                rel = inside(argument)
                if rel is not None and os.path.isfile(join(root, rel)):
                    say(executed=rel)
                break


install()
