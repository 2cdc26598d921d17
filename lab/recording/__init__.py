"""Recordings: a journal on disk, with a header and a footer. Pure: values and bytes in, values and bytes out.

Read in this order: `lines` (what stands in a file), `text` and `codec` (values -> bytes), `reader` (bytes -> values),
`alias`, `redact` with `shapes`, and `bodies` (what never gets there, and what stands in its place), `tape` with
`line_cache` (observations -> lines), `match` (what counts as equal), `rebuild`, `regenerate`, `replayer` and `fast_replay`
(a recording asked of the mock again), `served`, `redrawn` and `replay` (what differs), `exports`. Beside them: `facts` (every type by its name),
`header` with `accounts`, `snapshot` (a tape that begins late), `journal_lines` (what `lab serve --journal` keeps),
`repair`, `leaks`.
"""
