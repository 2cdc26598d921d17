"""Pages for browsers: the head and the look that all have, and the one way in which they are filled, everything escaped."""

from importlib.resources import files

_HEAD = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{{ title }}</title>
<style>{{ style }}</style>
"""
"""What peers sent stands in pages: should any of it escape its text, a browser loads and runs nothing of it."""


def page_of(template: str, title: str, **values: object) -> str:
    """A page: the head, then the template filled. What `part_of` gave is put in as it is."""
    from markupsafe import Markup

    style = Markup(files("lab.recording.show").joinpath("page.css").read_text("utf-8"))
    return part_of(_HEAD + template, title=title, style=style, **values)


def part_of(template: str, **values: object) -> str:
    """A part of a page: its template filled, which a page takes as it is."""
    from jinja2 import Environment  # most of what is shown is no page
    from markupsafe import Markup

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return Markup(environment.from_string(template).render(**values))
