"""Recordings: a journal on disk, with a header and a footer. Pure: values and bytes in, values and bytes out.

Read in this order: `lines` (what stands in a file), `codec` (values <-> bytes), `redact` (what never gets
there), `tape` (observations -> lines), `match` (what counts as equal), `replay`, `exports`.
"""
