"""`@flue/sdk` under Node: installed from npm into a cache folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from .children import ROOT, BenchError, Child

SDK = "1.0.0-beta.9"  # the last that reads runs
OLDEST = 20  # what the SDK needs
NODE = "22.23.3"  # for machines whose own is older
INSTALL_LIMIT = 180.0  # seconds, once
WORKER = Path(__file__).with_name("worker.mjs")


class Sdk:
    """The installed SDK and the Node that runs it."""

    def __init__(self, folder: Path, node: str) -> None:
        self.folder = folder
        self.node = node
        self.version = f"@flue/sdk {SDK}"
        self.node_version = f"Node {version_of(node)}"

    def contestant(self, base_url: str, headers: dict[str, str] | None = None) -> Child:
        """Start it."""
        return Child([self.node, "--no-warnings", str(WORKER), str(self.folder), base_url, json.dumps(headers or {})])


def find() -> Sdk:
    """Install it, unless that was done before.

    Raises:
        BenchError: there is no npm, or it failed.
    """
    if shutil.which("npm") is None:
        raise BenchError("no npm on this machine")
    own = shutil.which("node")
    use_own = own is not None and int(version_of(own).partition(".")[0]) >= OLDEST
    dependencies = {"@flue/sdk": SDK} | ({} if use_own else {"node": NODE})
    folder = ROOT / ".cache" / "flue-bench" / f"{SDK}-{'own-node' if use_own else NODE}"
    if not folder.exists():
        install(folder, {"private": True, "dependencies": dependencies, "allowScripts": {"node": True}})
    return Sdk(folder, own if own and use_own else str(folder / "node_modules" / "node" / "bin" / "node"))


def install(folder: Path, manifest: dict[str, object]) -> None:
    """Fill the folder under another name, so that one that exists is whole."""
    partial = folder.with_name(f"{folder.name}.{os.getpid()}")
    partial.mkdir(parents=True)
    try:
        (partial / "package.json").write_text(json.dumps(manifest))
        quiet = ["--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"]
        subprocess.run(["npm", "install", *quiet], cwd=partial, check=True, timeout=INSTALL_LIMIT, capture_output=True)
        partial.rename(folder)
    except (subprocess.SubprocessError, OSError) as error:
        raise BenchError(f"npm install: {error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def version_of(node: str) -> str:
    """Such as ``22.1.0``."""
    return subprocess.run([node, "--version"], check=True, capture_output=True, text=True).stdout.strip().lstrip("v")
