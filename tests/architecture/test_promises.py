"""Promises about the repository itself: it installs anywhere, from any mirror, exactly as tested."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = sorted(ROOT.glob("requirements*.lock"))
NPM_LOCK = ROOT / "clients" / "package-lock.json"

# Where a checkout may lie and which a document may name all the same.
COMMON_FOLDERS = [
    "app",
    "build",
    "code",
    "data",
    "home",
    "mnt",
    "opt",
    "repo",
    "root",
    "src",
    "srv",
    "tmp",
    "usr",
    "workspace",
]


# ---------------------------------------------------------------- no address of one machine


def _answer(*command: str) -> str:
    """What a program prints, or nothing if this machine has no such program."""
    if shutil.which(command[0]) is None:
        return ""
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout


def _registry_hosts() -> set[str]:
    """Hosts of the package registries this machine uses: read here, so that no file must name one."""
    settings = [
        *os.environ.items(),
        *_assignments(_answer(sys.executable, "-m", "pip", "config", "list")),
    ]
    named = [value for key, value in settings if re.search("index|registry|links", key, re.I)]
    named += [_answer("npm", "config", "get", "registry"), *_pip_defaults()]
    hosts = re.findall(r"//(?:[^/\s'\"@]*@)?([^/\s'\":]+)", " ".join(named))
    return {host for host in hosts if "." in host and not host.startswith("127.")}


def _assignments(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        key, _, value = line.partition("=")
        yield key, value


def _pip_defaults() -> list[str]:
    """The public index and its file host, as pip knows them; not pip's promise, so they may go."""
    code = "from pip._internal.models.index import PyPI as p; print(p.url, '//' + p.file_storage_domain)"
    return _answer(sys.executable, "-c", code).split()


def _machine_paths() -> set[str]:
    """Folders which exist on this machine only; not those which every machine has."""
    common = {
        Path(p) for p in ("/", "/tmp", "/usr", "/usr/local", "/home", "/root", "/opt", "/srv")
    }
    mine = {ROOT, ROOT.parent, Path.home(), Path(sys.base_prefix)}
    return {f"{path}/" for path in mine - common}


def _tracked_files_with(word: str) -> list[str]:
    return _answer("git", "grep", "--cached", "-lIF", "-e", word).splitlines()


needs_git = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="nothing is committed here")


@needs_git
def test_no_committed_file_names_a_registry_host() -> None:
    named = {host: files for host in _registry_hosts() if (files := _tracked_files_with(host))}
    assert not named, f"name packages, never the host they come from: {named}"


@needs_git
def test_no_committed_file_names_a_path_of_this_machine() -> None:
    named = {path: files for path in _machine_paths() if (files := _tracked_files_with(path))}
    assert not named, f"these paths exist on one machine only: {named}"


# ---------------------------------------------------------------- locks


def _locked(lock: Path) -> dict[str, str]:
    """Package -> the lines that lock it: version, marker and hashes."""
    text = lock.read_text("utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return {line.split(";")[0].split("--")[0].strip(): line for line in lines}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_python_lock_pins_and_hashes_every_package_and_names_no_address(lock: Path) -> None:
    locked = _locked(lock)
    assert locked
    for package, line in locked.items():
        assert re.fullmatch(r"[a-z0-9._-]+==[A-Za-z0-9._+-]+", package), f"not a pin: {line}"
        assert "--hash=sha256:" in line, f"{package} is locked without a hash"
    assert "://" not in lock.read_text("utf-8")


def test_the_tests_run_on_the_versions_which_are_shipped() -> None:
    shipped = _locked(ROOT / "requirements.lock")
    tested = _locked(ROOT / "requirements-dev.lock")
    assert set(shipped) <= set(tested)


def test_build_pins_say_the_same_in_every_place() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    locked = {
        **_locked(ROOT / "requirements-build.lock"),
        **_locked(ROOT / "requirements-node.lock"),
    }
    groups = project["dependency-groups"]
    pins = {*project["build-system"]["requires"], *groups["build"], *groups["node"]}
    assert pins <= set(locked)


def _npm_packages() -> dict[str, dict[str, object]]:
    return json.loads(NPM_LOCK.read_text("utf-8"))["packages"]


def test_npm_lock_hashes_every_package_and_names_no_address() -> None:
    for place, package in _npm_packages().items():
        if not place.startswith("node_modules/") or package.get("link"):
            continue
        assert str(package.get("integrity", "")).startswith("sha512-"), f"{place} has no hash"
        assert "resolved" not in package, f"{place} says where it came from"


def test_npm_lock_holds_every_platform() -> None:
    """A lock made where some platform's package was missing fails `npm ci` on that platform."""
    packages = _npm_packages()
    missing = [
        f"{place or 'the workspace'} -> {wanted}"
        for place, package in packages.items()
        for wanted in package.get("optionalDependencies", {})
        if not _resolves(place, wanted, packages)
    ]
    assert not missing, f"regenerate with `make lock`, or pin the version before: {missing}"


def _resolves(place: str, wanted: str, packages: dict[str, dict[str, object]]) -> bool:
    """Node looks beside the package, then in each folder above it."""
    while True:
        if f"{place}/node_modules/{wanted}".removeprefix("/") in packages:
            return True
        if not place:
            return False
        place = place.rpartition("/node_modules/")[0] if "/node_modules/" in place else ""


# ---------------------------------------------------------------- words


def test_readme_names_the_two_commands() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert "make run" in readme
    assert "make test" in readme


def test_server_holds_no_unfinished_marks() -> None:
    unfinished = re.compile(r"\b(TODO|FIXME|XXX|HACK|NotImplementedError)\b")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in sorted((ROOT / "server").rglob("*.py"))
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if unfinished.search(line)
    ]
    assert not found, f"finish it, or say why it is right as it is: {found}"


@pytest.mark.parametrize("package", sorted((ROOT / "server").glob("*/__init__.py")))
def test_a_package_s_docstring_names_all_its_files(package: Path) -> None:
    text = ast.get_docstring(ast.parse(package.read_text("utf-8"))) or ""
    files = {path.stem for path in package.parent.glob("*.py")} - {"__init__", "__main__"}
    assert sorted(name for name in files if not re.search(rf"``{name}``|``{name}/``", text)) == []
