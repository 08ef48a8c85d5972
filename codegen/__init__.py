"""Writes the typed models of `flue.models` from the JSON Schemas in `schemas/`.

`load` reads the files and refuses what it does not know; `build` turns definitions into the values of `ir`;
`emit_models` and `emit_structure` write Python; `package` says which file holds what. `python -m codegen` writes the
files, `python -m codegen --check` compares them.
"""
