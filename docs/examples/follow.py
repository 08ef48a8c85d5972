"""Start a workflow, or resume following a run, and print what happens.

python follow.py WORKFLOW [INPUT]         start, and follow
python follow.py --resume RUN_ID OFFSET   resume where another process stopped

The server's address and token come from FLUE_BASE_URL and FLUE_TOKEN. Ctrl-C leaves the run alone, and prints how to
resume.
Exit status: 0, the run completed; 1, it failed; 2, usage; 3, it could not be followed; 130, interrupted.
"""

from __future__ import annotations

import json
import sys

from flue import FlueClient, FlueError, FlueEvent, LogEvent, RunEndEvent, TextDeltaEvent, ToolEvent


def show(event: FlueEvent) -> None:
    """Print an event, if it is for people."""
    match event:
        case LogEvent():
            print(f"[{event.level}] {event.message}")
        case ToolEvent():
            print(f"[{event.tool_name}] {event.duration_ms:.0f} ms{', failed' if event.is_error else ''}")
        case TextDeltaEvent():
            print(event.text, end="", flush=True)
        case RunEndEvent():
            print(f"\n{'failed' if event.is_error else 'result'}: {event.error if event.is_error else event.result}")
        case _:
            pass


def follow(client: FlueClient, run_id: str, offset: str = "-1") -> int:
    """Follow a run to its end.

    Args:
        client: To read with.
        run_id: The run.
        offset: Where to start.

    Returns:
        The exit status.
    """
    # Server-sent events: each event at once. The stream reconnects by itself.
    with client.runs.stream(run_id, offset=offset, live="sse") as stream:
        try:
            for event in stream:
                show(event)
                if event.type == "run_end":
                    return 1 if event.is_error else 0
        except KeyboardInterrupt:
            print(f"\nThe run continues. To follow it: python follow.py --resume {run_id} {stream.offset}")
            return 130
    print("The stream ended before the run did.", file=sys.stderr)
    return 3


def main(words: list[str]) -> int:
    """The program; gives its exit status."""
    try:
        with FlueClient() as client:
            match words:
                case ["--resume", run_id, offset]:
                    return follow(client, run_id, offset)
                case [workflow]:
                    return follow(client, client.workflows.invoke(workflow).run_id)
                case [workflow, text] if workflow != "--resume":
                    return follow(client, client.workflows.invoke(workflow, input=json.loads(text)).run_id)
                case _:
                    print(__doc__, file=sys.stderr)
                    return 2
    except ValueError as error:  # an address, an input, a run id or an offset that cannot be one
        print(f"follow: {error}", file=sys.stderr)
        return 2
    except FlueError as error:
        print(f"follow: {error}", file=sys.stderr)
        return 3


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
