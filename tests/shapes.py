"""Switches as a test writes them."""

from collections.abc import Mapping

from lab.core.exchange import Json
from lab.language.shape import member
from lab.program.switches import Layers, Switches


def read_switches(said: Mapping[str, Json]) -> dict[str, Json]:
    return {name: member(Switches, name, value) for name, value in said.items()}


def switched(said: Mapping[str, Json]) -> Switches:
    """The switches that hold where these are said, as in a settings file."""
    return Layers(read_switches(said)).over()
