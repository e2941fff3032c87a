"""Runs in poetry's environment: poetry itself, whose address of PyPI no setting changes,
with another one."""

import os
import sys

from poetry.repositories.pypi_repository import PyPiRepository

constructor = PyPiRepository.__init__


def construct(self, url=None, *arguments, **keywords):
    constructor(self, os.environ["FIXTURE_INDEX"], *arguments, **keywords)


PyPiRepository.__init__ = construct

try:
    from poetry.console.application import main
except ImportError:
    from poetry.console import main

sys.exit(main())
