"""Reads schema files: a closed subset of JSON Schema 2020-12. All else is refused by its place and name."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeGuard

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

DOCUMENT_KEYWORDS: Final = ("$schema", "$id", "title", "description", "$defs")
"""Keywords that only the root of a document has; a document with no others defines nothing itself."""


class SchemaError(Exception):
    """A schema says something that the generator does not understand, or that cannot become Python."""


@dataclass(frozen=True)
class Node:
    """A JSON value in a schema file, with its place."""

    file: str
    pointer: str
    value: Any

    def fail(self, problem: str) -> NoReturn:
        """Refuse this place.

        Raises:
            SchemaError: Always.
        """
        raise SchemaError(f"{self.file}#{self.pointer}: {problem}")

    def at(self, key: str | int) -> Node:
        """Return the value under a key or an index that exists."""
        step = str(key).replace("~", "~0").replace("/", "~1")
        return Node(self.file, f"{self.pointer}/{step}", self.value[key])

    def get(self, key: str) -> Node | None:
        """Return the value under a key, if there is one."""
        return self.at(key) if key in self.value else None

    def keys(self) -> set[str]:
        """Return the keywords of a schema object; refuse anything that is not an object."""
        if not _is_object(self.value):
            self.fail("expected an object")
        return set(self.value)

    def children(self) -> list[Node]:
        """Return the members of an object or the elements of an array; none of anything else."""
        if _is_object(self.value):
            return [self.at(key) for key in self.value]
        return [self.at(index) for index in range(len(self.value))] if _is_array(self.value) else []

    def only(self, *allowed: str) -> None:
        """Refuse every keyword that is not allowed here."""
        for keyword in sorted(self.keys() - set(allowed)):
            self.at(keyword).fail(f"unsupported keyword {keyword!r}")

    def text(self, key: str) -> str:
        """Return the string under a keyword; it has to be there and not empty."""
        node = self.get(key)
        if node is None:
            self.fail(f"{key!r} is missing")
        if not isinstance(node.value, str) or not node.value:
            node.fail("expected a string that is not empty")
        return node.value

    def members(self, key: str) -> list[Node]:
        """Return the elements of the array under a keyword; none where the keyword is absent."""
        node = self.get(key)
        if node is None:
            return []
        if not _is_array(node.value):
            node.fail("expected an array")
        return node.children()

    def strings(self, key: str) -> list[str]:
        """Return the array under a keyword, whose elements have to be different strings."""
        found: list[str] = []
        for member in self.members(key):
            if not isinstance(member.value, str):
                member.fail("expected a string")
            if member.value in found:
                member.fail(f"{member.value!r} occurs twice")
            found.append(member.value)
        return found


def load(directory: Path) -> dict[str, Node]:
    """Read every `*.json` of a directory.

    Returns:
        The root of each file by the file's name, in the order of the names.

    Raises:
        SchemaError: A file is not JSON, or not a schema document of the dialect.
    """
    roots: dict[str, Node] = {}
    for path in sorted(directory.glob("*.json")):
        try:
            value = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_unique)
        except ValueError as error:
            raise SchemaError(f"{path.name}: {error}") from None
        root = Node(path.name, "", value)
        root.keys()
        if root.value.get("$schema") != DIALECT:
            root.fail(f"'$schema' has to be {DIALECT}")
        if root.text("$id") != path.name:
            root.at("$id").fail(f"has to be the file's name, {path.name!r}")
        roots[path.name] = root
    if not roots:
        raise SchemaError(f"{directory}: no schema files")
    return roots


def resolve(roots: Mapping[str, Node], reference: Node) -> str:
    """Return the name of the definition that a `$ref` means: `#/$defs/Name`, `file.json#/$defs/Name` or `file.json`."""
    if not isinstance(reference.value, str):
        reference.fail("expected a string")
    file, _, fragment = reference.value.partition("#")
    root = roots.get(file or reference.file)
    if root is None:
        reference.fail(f"there is no schema file {file!r}")
    if not fragment:
        return root.text("title")
    name = fragment.removeprefix("/$defs/")
    if name == fragment or name not in root.value.get("$defs", {}):
        reference.fail(f"{reference.value!r} points to no definition")
    return name


def definitions(root: Node) -> list[tuple[str, Node]]:
    """List a document's definitions: those of `$defs` in their order, then the document itself if it is a schema."""
    found: list[tuple[str, Node]] = []
    defs = root.get("$defs")
    if defs is not None:
        defs.keys()
        found = [(name, defs.at(name)) for name in defs.value]
        for _, node in found:
            node.keys()
    if root.keys() <= set(DOCUMENT_KEYWORDS):
        return found
    return [*found, (root.text("title"), root)]


def references(node: Node) -> list[Node]:
    """List every `$ref` in a definition; nested definitions are not part of it."""
    found: list[Node] = []
    for child in node.children():
        if child.pointer.endswith("/$ref"):
            found.append(child)
        elif not child.pointer.endswith("/$defs"):
            found += references(child)
    return found


def _is_object(value: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def _is_array(value: Any) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build a JSON object and refuse a key that occurs twice."""
    obj = dict(pairs)
    if len(obj) != len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"key {next(key for key in keys if keys.count(key) > 1)!r} occurs twice in one object")
    return obj
