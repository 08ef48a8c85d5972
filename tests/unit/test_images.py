"""Images for an agent to look at: checked when they are made, base64 on the wire."""

from __future__ import annotations

import base64
import pickle

import pytest

from flue import AgentPromptImage, Attachment
from flue.types import MAX_CHARACTERS

PNG = bytes.fromhex("89504e470d0a1a0a")
IMAGES = pytest.mark.parametrize("image", [AgentPromptImage, Attachment])


@IMAGES
def test_bytes_become_base64(image):
    made = image(PNG, "image/png")
    assert made.base64 == "iVBORw0KGgo="
    assert (made.data, made.mime_type) == (PNG, "image/png")


@IMAGES
def test_base64_text_is_taken_as_it_is(image):
    assert image(data="iVBORw0KGgo=", mime_type="image/png").base64 == "iVBORw0KGgo="


@IMAGES
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
        ("A" * (MAX_CHARACTERS + 4), "14680068 base64 characters, Flue takes 14680064 at most"),
        (bytes(MAX_CHARACTERS // 4 * 3 + 1), "14680068 base64 characters, Flue takes 14680064 at most"),
    ],
    ids=["words", "padding", "line break", "data url", "letter", "url-safe", "no text", "no bytes", "text", "bytes"],
)
def test_data_that_cannot_be_an_image(image, data, reason):
    with pytest.raises(ValueError, match=reason) as caught:
        image(data, "image/png")
    assert ("an image" if image is AgentPromptImage else "an attachment") in str(caught.value)
    assert len(str(caught.value)) < 200


@IMAGES
def test_the_largest_image(image):
    made = image(bytes(MAX_CHARACTERS // 4 * 3), "image/png")
    assert len(made.base64) == MAX_CHARACTERS
    assert image(made.base64, "image/png").base64 == made.base64


@IMAGES
@pytest.mark.parametrize("mime_type", ["", " "])
def test_a_media_type_is_needed(image, mime_type):
    with pytest.raises(ValueError, match=r"the mime_type of an? \w+ must not be empty"):
        image(PNG, mime_type)


@IMAGES
@pytest.mark.parametrize(
    ("data", "mime_type", "reason"),
    [
        *((data, "image/png", "must be bytes or base64 str, not") for data in (bytearray(PNG), None, 3)),
        *((PNG, mime_type, "must be str, not") for mime_type in (b"x", None)),
    ],
)
def test_arguments_of_the_wrong_type(image, data, mime_type, reason):
    with pytest.raises(TypeError, match=f"the (data|mime_type) of an? .*{reason}"):
        image(data, mime_type)


def test_a_file_name_is_str():
    with pytest.raises(TypeError, match="the filename of a Attachment must be str"):
        Attachment(PNG, "image/png", 3)


@IMAGES
def test_a_value_like_any_other(image):
    made = image(PNG * 1000, "image/png")
    assert repr(made).startswith(f"{image.__name__}(data=<8000 bytes>, mime_type='image/png'")
    assert "10668 base64 characters" in repr(image(base64.b64encode(PNG * 1000).decode(), "image/png"))
    assert pickle.loads(pickle.dumps(made)) == made
