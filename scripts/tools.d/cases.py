"""The cases: which tool made each lockfile, and which read it."""

import dataclasses
import typing

import cargo
import tools


@dataclasses.dataclass
class Case:
    name: str
    lockfile: str
    maker: str
    make: typing.Optional[typing.Callable]  # None: made by hand
    read: typing.Callable
    readers: list


CARGO = f"cargo-{tools.CARGO}"

ALL = [Case(name, "Cargo.lock", CARGO, cargo.make, cargo.read, [CARGO])
       for name in ("cargo-v1", "cargo-v2", "cargo-v3", "cargo-v4", "cargo-registries", "cargo-namesakes", "cargo-replace")]
