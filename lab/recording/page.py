"""Pages for browsers: the look that all have, and the one way in which they are filled, everything escaped."""

from importlib.resources import files


def page_of(template: str, **values: object) -> str:
    """The template filled; `style` in it is the look of the lab's pages."""
    from jinja2 import Environment  # most of what is shown is no page
    from markupsafe import Markup

    style = Markup(files("lab.recording").joinpath("page.css").read_text("utf-8"))
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(template).render(style=style, **values)
