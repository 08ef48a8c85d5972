"""A reader in a process of its own: ``python -m live.reader FACE RUN_ID OFFSET LIVE LIMIT``.

Prints each event as a line of JSON and, last, ``{"offset": ...}``. Stops after LIMIT events, unless that is
0. The server is that of FLUE_BASE_URL and FLUE_TOKEN.
"""

from __future__ import annotations

import json
import sys
from itertools import count
from typing import Any

import flue

from .faces import FACES


def main(face: str, run_id: str, offset: str, live: str, limit: str) -> None:
    read_so_far = count(1)

    def show(stream: Any, event: Any) -> bool:
        print(json.dumps(flue.to_json(event)), flush=True)
        return next(read_so_far) == int(limit)

    reading = FACES[face]().read("runs.stream", run_id, offset=offset, live=live, timeout=30, each=show)
    print(json.dumps({"offset": reading.offset}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
