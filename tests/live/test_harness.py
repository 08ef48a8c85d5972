"""What the other live tests lean on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from . import harness

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.live


def test_a_failed_fill_leaves_no_target(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        harness._run(["sh", "-c", "echo to the point; exit 3"], folder, 10)

    with pytest.raises(harness.HarnessError, match=r"(?s): 3\n.*to the point"):
        harness._fill_once(tmp_path / "target", fail)
    assert not (tmp_path / "target").exists()
    harness._fill_once(tmp_path / "target", lambda folder: None)
    assert list((tmp_path / "target").iterdir()) == []
