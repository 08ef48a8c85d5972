"""A real Flue application from npm: installed, built and kept in a cache folder.

``.cache/flue-live/<version>-<hash of package.json>/`` holds what npm installed (some 700 MB, a minute's work),
and in it ``app-<hash of the sources>/`` what ``flue build`` or ``vite build`` made of them (a second's work). Either folder is
filled under another name and renamed when complete, so one that exists is whole; a lock lets only one test run
fill it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BETA_5 = "1.0.0-beta.5"
BETA_9 = "1.0.0-beta.9"
FLUE_2 = "2.1.0"

HERE = Path(__file__).parent
SOURCES = {BETA_5: HERE / "app", BETA_9: HERE / "app", FLUE_2: HERE / "app2"}
"""Where the application of each version is: Flue 2 has conversations in the place of runs and workflows."""
LOOPBACK = HERE / "loopback.mjs"
CACHE = Path(__file__).parents[2] / ".cache" / "flue-live"

INSTALL_LIMIT = 420.0  # seconds; a cold install over a slow line
BUILD_LIMIT = 120.0  # seconds

#: Where each version's model library keeps the faux provider.
PI_AI = {BETA_5: "@earendil-works/pi-ai", BETA_9: "@earendil-works/pi-ai/compat"}


class HarnessError(Exception):
    """The application could not be installed, built or started; ends with what the command printed."""


def application(version: str) -> Path:
    """Build the application on one version of Flue, unless the cache already has it.

    Args:
        version: The exact version of the Flue packages, one of `SOURCES`.

    Returns:
        The folder that has ``dist/server.mjs``, to be run by `node`.

    Raises:
        HarnessError: Npm or the build failed, or did not finish in its time.
    """
    manifest = package_json(version)
    installed = CACHE / f"{version}-{digest([manifest.encode()])}"
    _fill_once(installed, lambda folder: _install(folder, manifest))
    sources = sorted(path for path in SOURCES[version].rglob("*") if path.is_file() and path.name != "package.json")
    sources.append(LOOPBACK)
    built = installed / f"app-{digest([version.encode(), *(path.read_bytes() for path in sources)])}"
    _fill_once(built, lambda folder: _build(folder, version, node(installed)))
    return built


def node(installed: Path) -> Path:
    """The Node that came with the packages: the machine's own may be too old for Flue."""
    return installed / "node_modules" / "node" / "bin" / "node"


def package_json(version: str) -> str:
    """The application's manifest. That of Flue 1 gets the Flue packages at `version`."""
    manifest = json.loads((SOURCES[version] / "package.json").read_text())
    if version in PI_AI:
        pinned = manifest["dependencies"]
        pinned.update((name, version) for name in pinned if name.startswith("@flue/"))
    return json.dumps(manifest, indent=2)


def digest(parts: list[bytes]) -> str:
    """A short name for these contents."""
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:12]


def _install(folder: Path, manifest: str) -> None:
    (folder / "package.json").write_text(manifest)
    quiet = ["--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"]
    _run(["npm", "install", *quiet], folder, INSTALL_LIMIT)
    _run([str(node(folder)), "--version"], folder, BUILD_LIMIT)  # npm may have refused its install script


def _build(folder: Path, version: str, node_binary: Path) -> None:
    shutil.copytree(SOURCES[version], folder, dirs_exist_ok=True)
    shutil.copy(LOOPBACK, folder)
    (folder / "package.json").write_text(package_json(version))
    if version in PI_AI:
        (folder / "src" / "pi-ai.ts").write_text(f"export * from '{PI_AI[version]}';\n")
    builder = folder.parent / "node_modules" / ".bin" / ("flue" if version in PI_AI else "vite")
    _run([str(node_binary), str(builder), "build"], folder, BUILD_LIMIT)


def _fill_once(target: Path, fill: Callable[[Path], None]) -> None:
    """Let `fill` make the contents of `target`, unless some test run already has."""
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with _locked(target.with_name(f"{target.name}.lock")):
        if target.exists():
            return
        partial = target.with_name(f"{target.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        fill(partial)
        partial.rename(target)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # freed by the kernel, however this process ends
        yield


def _run(command: list[str], cwd: Path, limit: float) -> None:
    """Run a command to its end, within `limit` seconds, leaving none of its children behind."""
    # Where the machine has no npm, the one of this environment is found; npm's install scripts look for it, too.
    path = os.pathsep.join([os.environ["PATH"], str(Path(sys.executable).parent)])
    environment = {**os.environ, "NO_COLOR": "1", "PATH": path}
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status = str(process.wait(limit))
        except subprocess.TimeoutExpired:
            status = f"no end after {limit:g} s"
        finally:
            end_group(process)
        if status != "0":
            output.seek(0)
            printed = output.read().decode(errors="replace")[-4000:]
            raise HarnessError(f"{' '.join(command)} in {cwd}: {status}\n{printed}")


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a process that leads its own group, its children with it, and wait for it."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
