"""Text for people: made safe to print, and values in words."""

from __future__ import annotations

import pytest

from flue.cli.output import clean, duration, one_line


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


@pytest.mark.parametrize(
    ("milliseconds", "text"),
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
def test_duration(milliseconds, text):
    assert duration(milliseconds) == text
