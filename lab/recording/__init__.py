"""Recordings: a journal on disk, with a header and a footer. Pure: values and bytes in, values and bytes out.

Read the rooms from the ground up, and in each its modules in this order:

* `format/`: `lines` (what stands in a file), `text` and `codec` (values -> bytes), `reader` (bytes -> values), `facts`
  (every type by its name), `exchanges`; beside them `snapshot` (a tape that begins late), `journal_lines` (what
  `lab serve --journal` keeps), `repair`;
* `redaction/`: `alias`, `redact` with `shapes`, and `bodies`: what never gets to disk, and what stands in its place; `leaks`;
* `tape/`: `tape` with `line_cache` (observations -> lines), `header` with `accounts`; `captured`, a tape of a pod;
  `recorded_calls`, which every reader of requests and replies begins with;
* `replay/`: `match` (what counts as equal), `rebuild`, `regenerate`, `replayer` and `fast_replay` (a recording asked of the
  mock again), `served`, `redrawn` and `replay` (what differs), `matchers` (what may);
* `playback/`, `show/`, `client_replay/` and `drift`: what else is made of a recording.
"""
