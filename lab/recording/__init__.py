"""Recordings: a journal on disk, with a header and a footer. Pure: values and bytes in, values and bytes out.

Read the rooms from the ground up, and in each its modules in this order:

* `format/`: `lines` (what stands in a file), `text` and `codec` (values -> bytes), `reader` (bytes -> values), `facts`
  (every type by its name); beside them `snapshot` (a tape that begins late), `journal_lines` (what
  `lab serve --journal` keeps), `repair`;
* `redaction/`: `stand_ins`, `redactor`, and `bodies`: what never gets to disk, and what stands in its place; `leaks`;
* `tape/`: `tape` with `line_cache` (observations -> lines), `header` with `accounts`; `captured`, a tape of a pod;
* `exchange` and `story`: the model that all who judge, play or show a recording read: one exchange, and the jobs that
  exchanges began; `har`, that of the files in which browsers and other tools keep calls;
* `bindings` (what stands for an id or a secret), `matchers` (what may differ), `comparison` (both sides gone through
  together, each member by its policy), `divergences` (what is told of it);
* `replay/`: `replayer` (a recording asked of the mock again), `compare` (which lines belong together), `edits` (what a
  scenario's edit changes), `replay` (all of it), `unfinished` (what accepting looks at);
* `playback/`, `show/`, `client_replay/` and `drift`: what else is made of a recording.
"""
