"""Runs the tests on every Python that is found, each in an environment of its own: `make matrix`.

python tests/matrix.py [--python VERSION]... [PATH ...]

A Python is `pythonX.Y` on the path, or the newest X.Y of pyenv. One that is not installed is said, and is no failure.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
HOME = ROOT / ".cache" / "matrix"
VERSIONS = ("3.11", "3.12", "3.13", "3.14")


def find(version):
    """A Python of this version that runs, or None."""
    pyenv = sorted(
        (Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"),
        key=lambda path: [int(number) for number in re.findall(r"\d+", path.parts[-3])],
    )
    for candidate in [shutil.which(f"python{version}"), *reversed(pyenv)]:
        if candidate is not None and told_by(candidate) == version:
            return str(candidate)
    return None


def told_by(python):
    """The version that a Python says it is; a shim of pyenv may be there and not run."""
    ask = "import ensurepip, sys; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([python, "-c", ask], check=False, capture_output=True, text=True)
    return done.stdout.strip()


def environment(python, version):
    """The Python of an environment with this library and what its tests need, as the project says it now."""
    home = HOME / version
    inside = home / "bin" / "python"
    stamp = home / "installed"
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != project:
        pip = [inside, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([python, "-m", "venv", "--clear", home], check=True)
        subprocess.run([*pip, "--upgrade", "pip>=25.1"], check=True)
        subprocess.run([*pip, "--editable", str(ROOT), "--group", f"{ROOT}/pyproject.toml:dev"], check=True)
        subprocess.run([inside, "-m", "pip", "check"], check=True)
        stamp.write_text(project, encoding="utf-8")
    return inside


def main(words):
    """The program; gives its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", action="append", choices=VERSIONS, help="only this version; may be repeated")
    parser.add_argument("paths", nargs="*", help="tests to run; default: all")
    options = parser.parse_args(words)
    variables = {name: value for name, value in os.environ.items() if not name.startswith("FLUE_")}
    outcomes = {}
    for version in options.python or VERSIONS:
        python = find(version)
        if python is None:
            outcomes[version] = "not installed"
            continue
        print(f"== Python {version}: {python}", flush=True)
        tests = [environment(python, version), "-m", "pytest", "-n", "4", "--dist", "worksteal", *options.paths]
        done = subprocess.run(tests, check=False, cwd=ROOT, env=variables)
        outcomes[version] = "passed" if done.returncode == 0 else "FAILED"
    for version, outcome in outcomes.items():
        print(f"Python {version}: {outcome}")
    return 1 if "FAILED" in outcomes.values() else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
