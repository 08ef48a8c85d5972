"""`serve`: a Flue server for trying things out."""

from __future__ import annotations

import inspect
import json
import sqlite3
import sys
import threading
from typing import TYPE_CHECKING

from flue.cli.follow import Interrupted
from flue.cli.parser import program_name
from flue.cli.program import Exit, UsageError
from flue.cli.samples import SAMPLES, register
from flue.testing import FlueTestServer

if TYPE_CHECKING:
    from flue.cli.parser import Options

__all__ = ["serve"]


def serve(options: Options) -> Exit:
    """Serve until Ctrl-C."""
    try:
        server = FlueTestServer(options.token, port=options.port, database=options.database)
    except sqlite3.Error as error:
        raise UsageError(f"{options.database}: {error}") from None
    register(server)
    with server:
        if options.json or not sys.stdout.isatty():
            print(json.dumps({"baseUrl": server.base_url, "workflows": list(SAMPLES)}), flush=True)
        else:
            _introduce(server.base_url, needs_token=options.token is not None)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            raise Interrupted("stopped") from None
    return Exit.DONE


def _introduce(base_url: str, *, needs_token: bool) -> None:
    print(f"A Flue server for trying things out, on this machine only: {base_url}\n\nWorkflows:")
    for name, sample in SAMPLES.items():
        print(f"  {name:<8} {inspect.getdoc(sample.function)}")
    print("\nIn another terminal:")
    print(f"  export FLUE_BASE_URL={base_url}")
    if needs_token:
        print("  export FLUE_TOKEN=...   # the one given here")
    for name, sample in SAMPLES.items():
        if sample.example is not None:
            print(f"  {program_name()} workflows invoke {name} --input '{sample.example}' --follow")
    print("\nCtrl-C stops it.", flush=True)
