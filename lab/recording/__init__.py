"""Recordings: a journal on disk, with a header and a footer. Pure: values and bytes in, values and bytes out.

Read in this order: `lines` (what stands in a file), `text` and `codec` (values -> bytes), `reader` (bytes -> values),
`alias`, `redact` and `bodies` (what never gets there, and what stands in its place), `tape` with `tails`
(observations -> lines), `match` (what counts as equal), `anew`, `rebuild`, `glance` and `drive` (a recording asked of
the mock again), `replay` (what differs), `exports`. OutputFiles them: `header`, `restate` (a tape that begins late),
`repair`, `leaks`.
"""
