"""Parsed JSON becomes models by way of cattrs: what the direct decoding refuses, and all that comes in small numbers.

Hooks are made by cattrs' own `make_dict_structure_fn` when a class is first needed. They check every type, since hooks
of cattrs' own would convert (`str(3)`), and keep in `wire_extra` what the model does not say.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import Any, Final, Literal, NoReturn, TypeAlias, TypeVar

import cattrs
from cattrs.gen import make_dict_structure_fn, override

from flue.codec._base import (
    JSON,
    DecodeError,
    Model,
    WireModel,
    field_map,
    field_types,
    format_time,
    is_canonical_time,
    is_model,
    parse_time,
    type_error,
    type_name,
    union_members,
    unknown_tag,
)
from flue.models import AgentPromptResponse, RunRecord

__all__ = ["decode", "decode_agent_prompt_response", "decode_run_record", "structure_hook", "try_decode"]

M = TypeVar("M", bound=Model)
Hook: TypeAlias = Callable[[Any, Any], Any]

_models: Final = cattrs.Converter(detailed_validation=True)
structure_hook: Final[Callable[[Any], Hook]] = cache(_models.get_structure_hook)
"""Returns what cattrs decodes a type by: a model, or whatever a model consists of."""


def decode(model: type[M], obj: Any) -> M:
    """Decode a JSON value that was parsed already.

    Args:
        model: The class of `flue.models` that it should become.
        obj: The value.

    Raises:
        DecodeError: The value does not fit the schema of the class.
    """
    made: M = structure_hook(model)(obj, model)
    return made


def decode_run_record(obj: Any) -> RunRecord:
    """Decode the record of a run.

    Raises:
        DecodeError: The value is no run record.
    """
    return decode(RunRecord, obj)


def decode_agent_prompt_response(obj: Any) -> AgentPromptResponse | JSON:
    """Return an agent's answer as an `AgentPromptResponse` where it has that shape, else the JSON as it is."""
    return try_decode(AgentPromptResponse, obj)


def try_decode(model: type[M], value: Any) -> M | JSON:
    """Decode a value that has the shape of a model, return any other as it is."""
    try:
        return decode(model, value) if value.__class__ is dict else value
    except DecodeError:
        return value


def _model_hook(model: type[WireModel]) -> Hook:
    fields = field_map(model)
    types = field_types(model)
    tags = {key: getattr(model, field.attribute) for key, field in fields.items() if field.kind == "tag"}
    # A constant has a default, for whoever makes the model by hand; on the wire it has to be there.
    constants = [key for key, field in fields.items() if typing.get_origin(types[field.attribute]) is Literal]
    nullable = {key for key, field in fields.items() if field.kind == "json"}
    spelled = [key for key, field in fields.items() if field.kind in ("integer", "flag")]
    times = [(key, field.attribute) for key, field in fields.items() if field.kind == "time"]
    keys = {field.attribute: key for key, field in fields.items()}
    hooks = {field.attribute: _prefix_hook(field.prefix) for field in fields.values() if field.kind == "prefixed"}
    hooks |= {field.attribute: _flag for field in fields.values() if field.kind == "flag"}
    overrides: dict[str, Any] = {
        name: override(rename=key, struct_hook=hooks.get(name)) for name, key in keys.items() if key not in tags
    }
    make: Hook = make_dict_structure_fn(model, _models, wire_extra=override(omit=True), **overrides)

    def hook(obj: Any, _: Any) -> Any:
        if obj.__class__ is not dict:
            raise type_error("an object", obj)
        for key, tag in tags.items():
            if obj.get(key) != tag:
                raise type_error(repr(tag), obj.get(key)).inside(key)
        for key in constants:
            if key not in obj:
                _fail(types[fields[key].attribute], key)
        try:
            made: Any = make(obj, model)
        except cattrs.ClassValidationError as error:
            raise _first_problem(error, keys) from None
        # What the attributes cannot reproduce: few objects have any of it.
        extra = {k: value for k, value in obj.items() if k not in fields or (value is None and k not in nullable)}
        for key in spelled:
            value = obj.get(key)
            if value is False or type(value) is float:  # for a flag that is absent, or an integer
                extra[key] = value
        for key, attribute in times:
            value = obj.get(key)
            if value is not None and not is_canonical_time(value) and value != format_time(getattr(made, attribute)):
                extra[key] = value
        if extra:
            made.wire_extra = extra
        return made

    return hook


def _first_problem(error: cattrs.ClassValidationError, keys: Mapping[str, str]) -> DecodeError:
    """Return the first of the errors that cattrs collected, with the path from the model's object to it."""
    (problem, note), *_ = error.group_exceptions()[0]
    key = keys[note.name]
    if isinstance(problem, DecodeError):
        return problem.inside(key)
    if isinstance(problem, KeyError):
        try:
            _fail(note.type, key)
        except DecodeError as missing:
            return missing
    raise problem


def _fail(type_: Any, key: str) -> NoReturn:
    """Raise the error for a key that is missing: what its type says about None."""
    if type_ is not Any:
        try:
            structure_hook(type_)(None, type_)
        except DecodeError as error:
            raise error.inside(key) from None
    raise type_error("a value", None).inside(key)


def _strictly(python: type[Any], words: str) -> Hook:
    def hook(value: Any, _: Any) -> Any:
        if value.__class__ is not python:
            raise type_error(words, value)
        return value

    return hook


def _optional_string(value: Any, _: Any) -> str | None:
    if value is not None and type(value) is not str:
        raise type_error("a string", value)
    return value


def _integer(value: Any, _: Any) -> int:
    """Check an integer: 3.0 is one in JSON Schema, True is none."""
    if type(value) is int:
        return value
    if type(value) is float and value.is_integer():
        return int(value)
    raise type_error("an integer", value)


def _flag(value: Any, _: Any) -> bool:
    """Check a boolean that stands for False where it is absent, or null."""
    if value is not None and type(value) is not bool:
        raise type_error("a boolean", value)
    return value is True


def _number(value: Any, _: Any) -> float:
    if type(value) is int or type(value) is float:
        return value
    raise type_error("a number", value)


def _literal_hook(type_: Any) -> Hook:
    values = typing.get_args(type_)
    if type(values[0]) is int:
        return _constant_hook(values[0])
    words = ", ".join(sorted(values))

    def hook(value: Any, _: Any) -> Any:
        if type(value) is not str or value not in values:
            shown = repr(value[:40]) if isinstance(value, str) else type_name(value)
            raise DecodeError((), f"expected one of {words}, found {shown}")
        return value

    return hook


def _constant_hook(constant: int) -> Hook:
    def hook(value: Any, _: Any) -> int:
        if _integer(value, int) != constant:
            raise type_error(str(constant), value)
        return constant

    return hook


def _prefix_hook(prefix: str) -> Hook:
    def hook(value: Any, _: Any) -> str:
        if type(value) is not str or not value.startswith(prefix):
            raise type_error(f"a string that begins with {prefix!r}", value)
        return value.removeprefix(prefix)

    return hook


def _list_hook(type_: Any) -> Hook:
    (element,) = typing.get_args(type_)
    if element is Any:
        return _strictly(list, "an array")
    decode_item = structure_hook(element)

    def hook(value: Any, _: Any) -> list[Any]:
        if value.__class__ is not list:
            raise type_error("an array", value)
        decoded: list[Any] = []
        for index, item in enumerate(value):
            try:
                decoded.append(decode_item(item, element))
            except DecodeError as error:
                raise error.inside(index) from None
        return decoded

    return hook


def _union_hook(type_: Any) -> Hook:
    members = union_members(type_)
    if members == (str,):  # most attributes of events
        return _optional_string
    decode_present = _alternatives_hook(members)
    if len(members) == len(typing.get_args(type_)):
        return decode_present
    return lambda value, _: None if value is None else decode_present(value, type_)


def _alternatives_hook(members: tuple[Any, ...]) -> Hook:
    """Make the hook of one type, of a model or any JSON, of a string or an array, or of models with different tags."""
    match members:
        case (only,):
            return structure_hook(only)
        case (model, anything) if anything is Any:
            return lambda value, _: try_decode(model, value)
        case (text, array) if text is str:
            decode_array = structure_hook(array)
            return lambda value, _: value if type(value) is str else decode_array(value, array)
        case _:
            return _tagged_hook(members)


def _tagged_hook(members: tuple[Any, ...]) -> Hook:
    """Make the hook of a union of models that differ in the tag that all of them have."""
    known = [member for member in members if is_model(member)]
    fallback = next((member for member in members if not is_model(member)), None)
    tagged = [{key for key, f in field_map(m).items() if f.kind in ("tag", "prefixed")} for m in known]
    key = next(key for key in tagged[0] if all(key in keys for keys in tagged))
    variants = {getattr(m, field_map(m)[key].attribute): m for m in known if field_map(m)[key].kind == "tag"}
    prefixes = {field_map(m)[key].prefix: m for m in known if field_map(m)[key].kind == "prefixed"}

    def variant_of(tag: Any) -> type[Model] | None:
        if type(tag) is not str:
            return None
        return variants.get(tag) or next((m for prefix, m in prefixes.items() if tag.startswith(prefix)), None)

    def hook(obj: Any, _: Any) -> Any:
        if obj.__class__ is not dict:
            raise type_error("an object", obj)
        tag = obj.get(key)
        variant = variant_of(tag)
        if variant is None:
            problem = DecodeError((key,), unknown_tag(key, tag))
            if fallback is None:
                raise problem
            return fallback(tag if isinstance(tag, str) else None, obj, problem.reason)
        try:
            return decode(variant, obj)
        except DecodeError as error:
            if fallback is None or not fallback.stands_for_misfits:
                raise
            return fallback(tag, obj, str(error))

    return hook


def _has_origin(origin: Any) -> Callable[[Any], bool]:
    return lambda type_: typing.get_origin(type_) is origin


_models.register_structure_hook(str, _strictly(str, "a string"))
_models.register_structure_hook(bool, _strictly(bool, "a boolean"))
_models.register_structure_hook(int, _integer)
_models.register_structure_hook(float, _number)
_models.register_structure_hook(datetime, lambda value, _: parse_time(value))
_models.register_structure_hook_func(_has_origin(dict), _strictly(dict, "an object"))
_models.register_structure_hook_factory(_has_origin(list), _list_hook)
_models.register_structure_hook_factory(_has_origin(Literal), _literal_hook)
_models.register_structure_hook_factory(lambda type_: union_members(type_) != (type_,), _union_hook)
_models.register_structure_hook_factory(is_model, _model_hook)
