"""requirements.txt: written by pip-compile and uv, read by pip's own parser."""

import venvtool

HOW = "pip._internal.req.req_file.parse_requirements and req.constructors"
READERS = ["pip-26.3", "pip-23.3.2", "pip-21.3.1", "pip-20.3.4"]

read = venvtool.reader("read_pip.py", HOW)


def finish(world, project):
    place = project / "requirements.txt"
    place.write_text(world.index.recorded(place.read_text()))


def make_pip_compile(world, tool, project):
    venvtool.run(world, tool, project, [
        tool.program, "-q", "--generate-hashes", "--allow-unsafe", "--strip-extras", "--index-url", world.index.simple("public"),
        "--extra-index-url", world.index.simple("private"), "-o", "requirements.txt", "requirements.in"],
        CUSTOM_COMPILE_COMMAND="pip-compile")
    finish(world, project)


def make_uv(world, tool, project):
    venvtool.run(world, tool, project, [
        tool.program, "pip", "compile", "-q", "--universal", "--generate-hashes", "--emit-index-url", "--python-version", "3.8",
        "--default-index", world.index.simple("public"), "--index", world.index.simple("private"),
        "-o", "requirements.txt", "requirements.in"], UV_CUSTOM_COMPILE_COMMAND="uv pip compile")
    finish(world, project)
