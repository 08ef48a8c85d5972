"""Both faces against servers that fail all the time: `python -m tests.soak`."""
