"""`AgentPromptImage`: checked when it is made, base64 on the wire."""

from __future__ import annotations

import base64
import pickle

import pytest

import flue
from flue import AgentPromptImage
from flue.types import MAX_CHARACTERS

PNG = bytes.fromhex("89504e470d0a1a0a")


def test_bytes_become_base64():
    image = AgentPromptImage(PNG, "image/png")
    assert image.base64 == "iVBORw0KGgo="
    assert (image.data, image.mime_type) == (PNG, "image/png")


def test_base64_text_is_taken_as_it_is():
    assert AgentPromptImage(data="iVBORw0KGgo=", mime_type="image/png").base64 == "iVBORw0KGgo="


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("hello world", "not base64"),
        ("iVBORw0KGgo", "not base64"),
        ("iVBORw0K\nGgo=", "not base64"),
        ("data:image/png;base64,iVBORw0KGgo=", "not base64"),
        ("iVBORw0KGgö=", "not base64"),
        ("_-__", "not base64"),
        ("", "empty"),
        (b"", "empty"),
        ("A" * (MAX_CHARACTERS + 4), "14680068 base64 characters"),
        (bytes(MAX_CHARACTERS // 4 * 3 + 1), "14680068 base64 characters"),
    ],
    ids=["words", "padding", "line break", "data url", "letter", "url-safe", "no text", "no bytes", "text", "bytes"],
)
def test_data_that_cannot_be_an_image(data, reason):
    with pytest.raises(ValueError, match=reason) as caught:
        AgentPromptImage(data, "image/png")
    assert len(str(caught.value)) < 200


def test_the_largest_image():
    image = AgentPromptImage(bytes(MAX_CHARACTERS // 4 * 3), "image/png")
    assert len(image.base64) == MAX_CHARACTERS
    assert AgentPromptImage(image.base64, "image/png").base64 == image.base64


@pytest.mark.parametrize("mime_type", ["", " "])
def test_a_media_type_is_needed(mime_type):
    with pytest.raises(ValueError, match="mime_type of an image must not be empty"):
        AgentPromptImage(PNG, mime_type)


@pytest.mark.parametrize(("data", "mime_type"), [(bytearray(PNG), "image/png"), (None, "image/png"), (PNG, b"x")])
def test_arguments_of_the_wrong_type(data, mime_type):
    with pytest.raises(TypeError, match="of an image must be"):
        AgentPromptImage(data, mime_type)


def test_a_value_like_any_other():
    image = AgentPromptImage(PNG * 1000, "image/png")
    assert repr(image) == "AgentPromptImage(data=<8000 bytes>, mime_type='image/png')"
    assert "10668 base64 characters" in repr(AgentPromptImage(base64.b64encode(PNG * 1000).decode(), "image/png"))
    assert pickle.loads(pickle.dumps(image)) == image
    assert flue.AgentPromptImage is AgentPromptImage
