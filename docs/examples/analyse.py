"""Where did the time of a run go? Its tool calls in a pandas DataFrame, and the time per tool in a plot.

python analyse.py RUN_ID [PICTURE.png]
python analyse.py events.jsonl [PICTURE.png]

The second reads a recording, as `python -m flue runs events RUN_ID > events.jsonl` makes one. Editors that know
`# %%` show the parts of this file as the cells of a notebook.
"""

# %% What to look at

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl

from flue import FlueClient, replay, to_frame

mpl.use("Agg")  # a picture in a file needs no display

if len(sys.argv) < 2:
    sys.exit(__doc__)
source = sys.argv[1]
picture = Path(sys.argv[2] if len(sys.argv) > 2 else "time_per_tool.png")

# %% The events of the run: saved ones, or those that the server has

if Path(source).exists():
    events = list(replay(source))
else:
    with FlueClient() as client:
        events = client.runs.events(source)

# %% One row for each event, then for each tool call

frame = to_frame(events).reindex(columns=["type", "timestamp", "tool_name", "duration_ms", "is_error"])
calls = frame[frame.type == "tool"]

# %% One row for each tool

tools = (
    calls.groupby("tool_name")
    .agg(
        calls=("duration_ms", "size"),
        failed=("is_error", "sum"),
        total_ms=("duration_ms", "sum"),
        longest_ms=("duration_ms", "max"),
    )
    .sort_values("total_ms")
)
print(tools.to_string() if len(tools) else "The run called no tools.")

# %% A bar for each tool

if len(tools):
    axes = tools["total_ms"].plot.barh(title="Time per tool", xlabel="milliseconds", ylabel="")
    axes.figure.savefig(picture, bbox_inches="tight")
    print(f"drawn: {picture}")
