"""The configuration: one frozen value, every problem reported at once, defaults as data.

`model` says what there is, `build` makes a `Config` of plain tables, `load` adds files and environment, `render`
writes it back: as TOML, as a commented sample, as JSON Schema and as the reference in `docs/`.
"""
