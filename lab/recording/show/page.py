"""Pages for browsers: the look that all have, and the one way in which they are filled, everything escaped."""

from importlib.resources import files


def page_of(template: str, **values: object) -> str:
    """The template filled; `style` in it is the look of the lab's pages. What `part_of` gave is put in as it is."""
    from markupsafe import Markup

    style = Markup(files("lab.recording.show").joinpath("page.css").read_text("utf-8"))
    return part_of(template, style=style, **values)


def part_of(template: str, **values: object) -> str:
    """A part of a page: its template filled, which a page takes as it is."""
    from jinja2 import Environment  # most of what is shown is no page
    from markupsafe import Markup

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return Markup(environment.from_string(template).render(**values))
