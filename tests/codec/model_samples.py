"""Example objects for every model, made from the schemas, and the recordings of a real server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

import flue.models
from flue.codec._base import is_model

ROOT = Path(__file__).parents[2]
RECORDINGS = ROOT / "tests" / "recordings"
SCHEMAS = {path.name: json.loads(path.read_text()) for path in sorted((ROOT / "schemas").glob("*.json"))}
REGISTRY: Registry[Any] = Registry().with_resources(
    [(name, Resource.from_contents(schema)) for name, schema in SCHEMAS.items()]
)
#: Where each definition is: its file, and its JSON pointer in it.
PLACES = {name: (file, f"#/$defs/{name}") for file, schema in SCHEMAS.items() for name in schema.get("$defs", {})}
PLACES |= {schema["title"]: (file, "") for file, schema in SCHEMAS.items() if {"type", "oneOf"} & schema.keys()}
#: Every generated class by its name.
MODELS = {
    name: value
    for name, value in ((name, getattr(flue.models, name)) for name in flue.models.__all__)
    if is_model(value)
}


def validator(name: str) -> Draft202012Validator:
    file, pointer = PLACES[name]
    return Draft202012Validator({"$ref": f"{file}{pointer}"}, registry=REGISTRY)


def recorded(name: str) -> Any:
    return json.loads((RECORDINGS / name).read_text(encoding="utf-8"))


def recorded_bodies(name: str) -> list[Any]:
    """The JSON bodies of a transcript of HTTP answers."""
    lines = (RECORDINGS / name).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def recorded_events() -> list[dict[str, Any]]:
    return [event for path in sorted(RECORDINGS.glob("*_events.json")) for event in recorded(path.name)]


def _values(text: str) -> list[Any]:
    """The JSON values in a recorded response: its body, or the data of its events."""
    head, _, body = text.partition("\n\n")
    if "text/event-stream" in head:
        return [json.loads(line.removeprefix("data:")) for line in body.splitlines() if line.startswith("data:[")]
    return [json.loads(body)] if "application/json" in head and body.strip() else []


#: What a Flue 2 server answered, with the names of the recordings.
ANSWERS = [
    (path.name, value)
    for path in sorted((RECORDINGS / "flue2").glob("*.http"))
    for value in _values(path.read_bytes().replace(b"\r\n", b"\n").decode("utf-8", "replace"))
]
CHUNKS = [(name, chunk) for name, value in ANSWERS if isinstance(value, list) for chunk in value]


def properties(name: str) -> dict[str, tuple[str, dict[str, Any], bool]]:
    """The properties of a model, inherited ones too: the file of each, its schema, and whether it is required."""
    file, pointer = PLACES[name]
    schema = SCHEMAS[file]["$defs"][name] if pointer else SCHEMAS[file]
    found = {}
    for base in schema.get("allOf", []):
        found |= properties(base["$ref"].rpartition("/")[2])
    required = schema.get("required", [])
    return found | {key: (file, value, key in required) for key, value in schema["properties"].items()}


def example(name: str, *, full: bool) -> dict[str, Any]:
    """An object of a model: with every property it may have, or with those only that it must have."""
    return {
        key: _value(schema, full=full) for key, (_, schema, required) in properties(name).items() if required or full
    }


def _value(schema: dict[str, Any], *, full: bool) -> Any:
    match schema:
        case {"const": const}:
            return const
        case {"$ref": str(ref)}:
            return _referenced(ref.rpartition("/")[2], full=full)
        case {"anyOf": [first, *_]}:
            return _value(first, full=full)
        case {"type": "array", "items": items}:
            return [_value(items, full=full), _value(items, full=full)] if full else []
        case {"pattern": str(pattern)}:
            return f"{pattern.removeprefix('^')}text ✓"
        case {"type": "string", "format": "date-time"}:
            return "2026-11-23T09:14:54.876Z"
        case {"type": str(kind)}:
            return {"string": "text ✓ 🎉", "integer": 7, "number": 1.25, "boolean": True, "object": {"a": {"b": None}}}[
                kind
            ]
        case _:
            return {"any": [1, None, {"deep": True}]}


def _referenced(name: str, *, full: bool) -> Any:
    file, pointer = PLACES[name]
    schema = SCHEMAS[file]["$defs"][name] if pointer else SCHEMAS[file]
    if "enum" in schema:
        return schema["enum"][-1]
    if "oneOf" in schema:
        return _value(schema["oneOf"][0], full=full)
    return example(name, full=full)


def exact(value: Any) -> str:
    """A text that is equal for equal JSON only: 3 is not 3.0, and true is not 1."""
    return json.dumps(value, sort_keys=True)
