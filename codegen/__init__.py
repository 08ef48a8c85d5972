"""Writes the typed models of `flue.models` from the JSON Schemas in `schemas/`.

`load` reads the files and refuses what it does not know; `ir` turns definitions into values, with the Python names that
`names` makes; `emit` writes Python. `python -m codegen` writes the files, `python -m codegen --check` compares them.
"""
