"""Text for terminals: cleaned, measured, broken into lines."""

from __future__ import annotations

import pytest

from flue.cli.describe import duration
from flue.cli.text import Paint, Prose, clean, clip, one_line, width, wrap


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("plain", "plain"),
        ("a\tb\r\nc", "a    b\nc"),
        ("\ud83c\udf89", "🎉"),
        ("\udf89\ud83c", "\ufffd\ufffd"),
        ("\x1b[2J\x7f\x9b\x00", "\ufffd[2J\ufffd\ufffd\ufffd"),
        ("a\u2028b\u0085c", "a\nb\nc"),
        ("\u202eabc\u2066", "\ufffdabc\ufffd"),
        ("👩\u200d🚀", "👩\u200d🚀"),
    ],
)
def test_clean(text, cleaned):
    assert clean(text) == cleaned


def test_one_line():
    assert one_line(" a\n\n b\tc ") == "a b c"


@pytest.mark.parametrize(("text", "columns"), [("abc", 3), ("雨", 2), ("e\u0301", 1), ("🎉", 2), ("", 0)])
def test_width(text, columns):
    assert width(text) == columns


@pytest.mark.parametrize("words", [True, False])
@pytest.mark.parametrize(
    "text", ["", "one two  three four-and-a-half five", "雨 雨雨雨雨 雨", "x" * 40, " leading", "e\u0301" * 9]
)
def test_wrap_keeps_everything_within_the_columns(text, words):
    for columns in range(1, 30):
        lines = wrap(text, columns, words=words)
        assert all(width(line) <= max(columns, 2) for line in lines)
        assert "".join(lines).replace(" ", "") == text.replace(" ", "")
        if not words:
            assert "".join(lines) == text


def test_wrap_breaks_between_words():
    assert wrap("one two three", 7) == ["one two", "three"]
    assert wrap("one two three", 8) == ["one two", "three"]
    assert wrap("one twothree", 6) == ["one", "twothr", "ee"]


def test_clip():
    line = [("abc", "red"), ("defgh", "")]
    assert clip(line, 8) == line
    assert clip(line, 7) == [("abc", "red"), ("def…", "")]
    assert clip(line, 4) == [("abc", "red"), ("…", "")]
    assert clip(line, 3) == [("ab…", "red")]
    assert clip([("雨雨雨", "")], 4) == [("雨…", "")]


TEXT = "It was a bright cold day in April,\n\nand the clocks \U0001f570 were striking thirteen.\n"


@pytest.mark.parametrize("cut", range(len(TEXT.encode("utf-16-le")) // 2 + 1))
def test_prose_does_not_depend_on_how_it_is_cut(cut):
    """Also between the halves of a character that JavaScript stores as two."""
    units = TEXT.encode("utf-16-le")
    pieces = [part.decode("utf-16-le", "surrogatepass") for part in (units[: 2 * cut], units[2 * cut :])]
    prose = Prose(20)
    lines = [line for piece in pieces for line in prose.feed(piece)]
    assert [*lines, prose.rest] == [
        "It was a bright cold",
        "day in April,",
        "",
        "and the clocks 🕰",
        "were striking",
        "thirteen.",
        "",
    ]


def test_paint():
    assert Paint(colour=True)("a", "bold red") == "\x1b[1;31ma\x1b[0m"
    assert Paint(colour=True)("a") == "a"
    assert Paint(colour=False)("✓ é", "red") == "✓ é"
    assert Paint(colour=False, encoding="latin-1")("✓ é …") == "+ é ."


@pytest.mark.parametrize(
    ("milliseconds", "told"),
    [
        (0, "0 ms"),
        (999.4, "999 ms"),
        (999.7, "1.0 s"),
        (59_900, "59.9 s"),
        (59_980, "1:00"),
        (3_599_600, "1:00:00"),
        (3_725_000, "1:02:05"),
    ],
)
def test_lengths_of_time(milliseconds, told):
    assert duration(milliseconds) == told
