"""What the generator does not understand, or cannot make Python of, is refused by its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from scratch import MINIMAL, changed, put, target

from codegen import names
from codegen.__main__ import render
from codegen.load import SchemaError

if TYPE_CHECKING:
    from pathlib import Path

THING = "$defs/Thing/properties"
OBJECT = {"type": "object", "description": "An object.", "properties": {}}


def test_the_minimal_schema_is_understood(tmp_path: Path) -> None:
    assert len(render(put(tmp_path, MINIMAL))) == 3


@pytest.mark.parametrize(
    ("pointer", "keyword", "value"),
    [
        (THING + "/name", "minLength", 1),
        (THING + "/name", "pattern", "x"),
        (THING + "/name", "enum", ["x"]),
        (THING + "/name", "default", "x"),
        (THING + "/name", "nullable", True),
        (THING + "/size", "minimum", 0),
        (THING + "/size", "enum", [1]),
        (THING + "/madeAt", "examples", []),
        (THING + "/shapes", "minItems", 1),
        (THING + "/shapes", "prefixItems", []),
        (THING + "/colour", "title", "x"),
        (THING + "/any", "type", "object"),
        ("$defs/Thing", "additionalProperties", False),
        ("$defs/Thing", "patternProperties", {}),
        ("$defs/Thing", "anyOf", []),
        ("$defs/Thing", "$defs", {}),
        ("$defs/Thing", "$comment", "x"),
        ("$defs/Circle/properties/kind", "type", "string"),
        ("$defs/Colour", "default", "red"),
        ("$defs/Figure", "discriminator", {}),
        ("$defs/Figure/oneOf/0", "description", "x"),
    ],
)
def test_unsupported_keywords(pointer: str, keyword: str, value: Any, tmp_path: Path) -> None:
    with pytest.raises(SchemaError) as caught:
        render(put(tmp_path, changed(f"{pointer}/{keyword}", value)))
    assert str(caught.value) == f"thing.json#/{pointer}/{keyword}: unsupported keyword {keyword!r}"


PREFIXED = {"type": "string", "pattern": "^data-", "title": "name", "description": "."}
FLAG = {"type": "boolean", "default": False, "description": "."}


@pytest.mark.parametrize(
    ("pointer", "value", "message"),
    [
        ("$schema", "http://json-schema.org/draft-07/schema#", "#: '$schema' has to be"),
        ("$id", "other.json", "has to be the file's name, 'thing.json'"),
        ("title", ..., "#: 'title' is missing"),
        ("$defs", [], "expected an object"),
        ("$defs/Thing", "x", "expected an object"),
        ("$defs/Thing/type", "string", "a definition has to be an object, an enumeration or a union"),
        ("$defs/Thing/properties", ..., "#/$defs/Thing: 'properties' is missing"),
        ("$defs/Thing/properties/name", [], "expected an object"),
        ("$defs/Thing/required", "name", "expected an array"),
        ("$defs/Thing/required", ["nam"], "#/$defs/Thing/required/0: 'nam' is no property"),
        ("$defs/Thing/required", ["name", "name"], "#/$defs/Thing/required/1: 'name' occurs twice"),
        ("$defs/Thing/required", [1], "#/$defs/Thing/required/0: expected a string"),
        ("$defs/Thing/description", ..., "#/$defs/Thing: 'description' is missing"),
        ("$defs/Thing/description", "", "expected a string that is not empty"),
        (THING + "/name/description", ..., "#/$defs/Thing/properties/name: 'description' is missing"),
        (THING + "/name/type", ["string", "null"], "expected a string"),
        (THING + "/name/type", "null", "unsupported type 'null'"),
        (
            THING + "/name",
            PREFIXED | {"pattern": "data-"},
            "#/$defs/Thing/properties/name/pattern: expected '^', letters",
        ),
        (THING + "/name", PREFIXED | {"title": "é"}, "'é' cannot become a Python name"),
        (THING + "/name", PREFIXED | {"type": "integer"}, "#/$defs/Thing/properties/name/type: only a string has a"),
        (THING + "/size", PREFIXED, "a string with a prefix has to be required"),
        (THING + "/size", FLAG | {"default": True}, "#/$defs/Thing/properties/size/default: expected false"),
        (THING + "/name", FLAG, "a property with a default cannot be required"),
        ("$defs/Circle/properties/MadeAt", {"description": "."}, "#/$defs/Thing: 'madeAt' becomes 'made_at' here, and"),
        (THING + "/madeAt/format", "date", "unsupported format 'date'"),
        (THING + "/name/const", "x", "#/$defs/Thing/properties/name/type: unsupported keyword 'type'"),
        (THING + "/size/const", 1, "#/$defs/Thing/properties/size: a constant has to be required"),
        (THING + "/size/const", True, "expected an integer"),
        ("$defs/Circle/required", [], "#/$defs/Circle/properties/kind: a constant has to be required"),
        (THING + "/shapes/items", ..., "#/$defs/Thing/properties/shapes: 'items' is missing"),
        (THING + "/shapes/items", {"type": "string"}, "the items of an array"),
        (THING + "/shapes/items", {"$ref": "#/$defs/Colour"}, "the items of an"),
        (THING + "/any/anyOf", [], "expected a string and an array"),
        (THING + "/any/anyOf", [{}, {}], "expected a string and an array"),
        (THING + "/colour/$ref", 1, "expected a string"),
        (THING + "/colour/$ref", "#/$defs/X", "'#/$defs/X' points to no definition"),
        (THING + "/colour/$ref", "#/Colour", "'#/Colour' points to no definition"),
        (THING + "/colour/$ref", "x.json#/$defs/X", "there is no schema file 'x.json'"),
        ("$defs/Colour/enum", [], "an enumeration has to have a value"),
        ("$defs/Colour/enum", ["a", 1], "#/$defs/Colour/enum/1: expected a string"),
        ("$defs/Colour/enum", ["a", "a"], "#/$defs/Colour/enum/1: 'a' occurs twice"),
        ("$defs/Colour/type", "integer", "an enumeration has to be of strings"),
        ("$defs/Figure/oneOf", [], "the members have to share one required constant string"),
        ("$defs/Figure/oneOf/1/$ref", "#/$defs/Thing", "#/$defs/Figure/oneOf: the members have to share one required"),
        ("$defs/Figure/oneOf/1/$ref", "#/$defs/Colour", "#/$defs/Figure/oneOf/1: 'Colour' is no object"),
        (
            "$defs/Square/properties/kind/const",
            "circle",
            "#/$defs/Figure/oneOf/1: 'kind' is 'circle' in another member too",
        ),
        ("$defs/Thing/allOf", [{"$ref": "#/$defs/Circle"}], "#/$defs/Thing/allOf/0: 'Circle' has a constant string"),
        ("$defs/Thing/allOf", [{"type": "object"}], "#/$defs/Thing/allOf/0/type: unsupported keyword 'type'"),
        ("$defs/thing", OBJECT, "'thing' cannot name a class"),
        ("$defs/Any", OBJECT, "'Any' cannot name a class"),
        ("$defs/ValueError", OBJECT, "'ValueError' cannot name a class"),
        ("$defs/THING", OBJECT, "'THING' and 'Thing' both become 'thing'"),
        (THING + "/NAME", {"description": "."}, "#/$defs/Thing: properties 'name' and 'NAME' both become 'name'"),
        (
            THING + "/made_at",
            {"description": "."},
            "#/$defs/Thing: properties 'madeAt' and 'made_at' both become 'made_at'",
        ),
        (THING + "/wireExtra", {"description": "."}, "'wireExtra' would become"),
        (THING + "/größe", {"description": "."}, "'größe' cannot become a Python name"),
        (THING + "/3d", {"description": "."}, "'3d' cannot become a Python name"),
    ],
)
def test_what_cannot_be_understood(pointer: str, value: Any, message: str, tmp_path: Path) -> None:
    """Refused where it was changed, unless the message begins with another place."""
    with pytest.raises(SchemaError) as caught:
        render(put(tmp_path, changed(pointer, value)))
    place = "" if message.startswith("#") else f"#/{pointer}: "
    assert str(caught.value).startswith(f"thing.json{place}{message}")


def test_inheritance_has_one_level(tmp_path: Path) -> None:
    base = {**OBJECT, "allOf": [{"$ref": "#/$defs/Base"}]}
    schema = changed("$defs/Base", OBJECT)
    schema["$defs"] |= {"Middle": base, "Top": {**OBJECT, "allOf": [{"$ref": "#/$defs/Middle"}]}}
    with pytest.raises(SchemaError, match=r"#/\$defs/Top/allOf/0: 'Middle' inherits itself"):
        render(put(tmp_path, schema))
    schema["$defs"]["Top"]["allOf"] = [{"$ref": "#/$defs/Base"}, {"$ref": "#/$defs/Base"}]
    with pytest.raises(SchemaError, match=r"#/\$defs/Top/allOf/1: only one definition can be inherited from"):
        render(put(tmp_path, schema))


def test_places_are_json_pointers(tmp_path: Path) -> None:
    schema = changed(THING + "/name", {"type": "string", "description": ".", "a/b~c": 1})
    with pytest.raises(SchemaError) as caught:
        render(put(tmp_path, schema))
    assert str(caught.value) == "thing.json#/$defs/Thing/properties/name/a~1b~0c: unsupported keyword 'a/b~c'"


def test_a_definition_has_one_file(tmp_path: Path) -> None:
    put(tmp_path, MINIMAL)
    with pytest.raises(SchemaError, match=r"thing\.json#/\$defs/Colour: 'Colour' is defined in other\.json too"):
        render(put(tmp_path, {**MINIMAL, "$id": "other.json"}, "other.json"))


@pytest.mark.parametrize(
    ("text", "message"), [("{", "Expecting"), ('{"a": 1, "a": 2}', "'a' occurs twice"), ("[]", "expected an object")]
)
def test_what_is_no_schema_file(text: str, message: str, tmp_path: Path) -> None:
    made = put(tmp_path, MINIMAL)
    (made.schemas / "broken.json").write_text(text)
    with pytest.raises(SchemaError, match=f"^broken.json.*{message}"):
        render(made)


def test_no_schema_files(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="no schema files"):
        render(target(tmp_path))


@pytest.mark.parametrize("name", ["Missing", "Thing"])
def test_a_fallback_belongs_to_a_union(name: str, tmp_path: Path) -> None:
    put(tmp_path, MINIMAL)
    with pytest.raises(SchemaError, match=f"there is no union '{name}' that 'UnknownEvent' could belong to"):
        render(target(tmp_path, {name: "UnknownEvent"}))


@pytest.mark.parametrize(
    ("wire", "attribute"),
    [
        ("runId", "run_id"),
        ("toolCallId", "tool_call_id"),
        ("streamURL", "stream_url"),
        ("HTTPStatus", "http_status"),
        ("sha256Sum", "sha256_sum"),
        ("a1b2", "a1_b2"),
        ("snake_case", "snake_case"),
        ("kebab-case", "kebab_case"),
        ("$ref", "ref"),
        ("__proto__", "proto"),
        ("from", "from_"),
        ("None", "none"),
        ("True", "true"),
        ("async", "async_"),
        ("match", "match"),
        ("str", "str_"),
        ("datetime", "datetime_"),
        ("self", "self_"),
        ("input", "input"),
        ("id", "id"),
    ],
)
def test_attribute_names(wire: str, attribute: str) -> None:
    assert names.attribute_name(wire) == attribute


@pytest.mark.parametrize("wire", ["", "_", "1st", "é", "a\nb", "wireExtra", "wire_extra", "a+b"])
def test_what_is_no_attribute_name(wire: str) -> None:
    with pytest.raises(ValueError, match="become"):
        names.attribute_name(wire)
