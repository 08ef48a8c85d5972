"""The catalogue of edge cases of the protocol has 142 entries; each is named by the docstring of at least one test."""

from __future__ import annotations

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
NAMED = re.compile(r"Edge cases? ([0-9][0-9, \n]*(?:(?:and|to) [0-9]+)?[0-9, \n]*)\.")


def named_in(docstring: str) -> set[int]:
    return {int(number) for found in NAMED.findall(docstring) for number in re.findall(r"[0-9]+", found)}


def test_every_edge_case_is_named_by_a_test() -> None:
    named: set[int] = set()
    for path in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
                named |= named_in(ast.get_docstring(node) or "")
    assert set(range(1, 143)) - named == set()
