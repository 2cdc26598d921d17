"""The plugin of pytest: fixtures `lab` and `drill`, markers `lab` and `lab_drills` (lab/docs/testing.md).

It is loaded by every run of pytest where it is installed, so whatever only some tests need is imported for them.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .drills import DrillCase
    from .lab import Lab
    from .pool import LabPool

_DRILLS = pytest.StashKey["dict[str, list[DrillCase]]"]()
"""By what a marker says; they are derived once."""


class LabWarning(UserWarning):
    """The lab has a remark about what the client does."""


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers."""
    for line in (
        "lab(*scenarios, scenarios=None, seed=None, clock='manual', settings=None, tls=False, reviewer='person'): what"
        " the fixture `lab` serves, as `lab serve` has it.",
        "lab_drills(scenario, family='W,K', only=None, scenarios=None, seed=None): one test for each drill of a scenario,"
        " which the fixture `drill` tells about.",
    ):
        config.addinivalue_line("markers", line)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each drill."""
    marker = metafunc.definition.get_closest_marker("lab_drills")
    if marker is None or "drill" not in metafunc.fixturenames:
        return
    from .drills import drill_cases
    from .process import LabUnavailable

    known = metafunc.config.stash.setdefault(_DRILLS, {})
    key = repr((marker.args, sorted(marker.kwargs.items())))
    if key not in known:
        if len(marker.args) != 1:
            raise pytest.UsageError("The marker lab_drills names one scenario, as lab_drills('quick', family='W,K').")
        try:
            known[key] = drill_cases(marker.args[0], marker.kwargs, metafunc.config.rootpath)
        except LabUnavailable as error:
            raise pytest.UsageError(str(error)) from None
    metafunc.parametrize("drill", known[key], indirect=True, ids=[each.name for each in known[key]])


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> None:
    """Beside a test that failed stands what the lab saw."""
    lab: Any = getattr(item, "funcargs", {}).get("lab")
    failed = call.when == "call" and call.excinfo is not None and not call.excinfo.errisinstance(pytest.skip.Exception)
    if not failed or not hasattr(lab, "story"):  # others may have a fixture of that name
        return
    try:
        seen = lab.story()
    except Exception as error:  # noqa: BLE001 - the test has failed already, and its own error is what counts
        seen = f"The lab can't be asked any more: {error!r}"
    item.add_report_section("call", "lab", seen)


@pytest.fixture(scope="session")
def lab_pool(pytestconfig: pytest.Config) -> Iterator[LabPool]:
    """The labs that run."""
    from .pool import LabPool

    pool = LabPool(pytestconfig.rootpath)
    yield pool
    pool.stop()


@pytest.fixture
def lab(request: pytest.FixtureRequest, lab_pool: LabPool) -> Iterator[Lab]:
    """A lab as it is at its start; the marker `lab` says what it serves."""
    from .drills import DrillCase

    marker = request.node.get_closest_marker("lab")
    targets, options = (marker.args, dict(marker.kwargs)) if marker else ((), {})
    callspec = getattr(request.node, "callspec", None)
    case = callspec.params.get("drill") if callspec is not None else None
    if isinstance(case, DrillCase):  # others may have a parameter of that name
        options = {"reviewer": "script", **case.options, **options}
        found = lab_pool.lab((case.scenario,), options, drills=case.scenario).chosen(case.name)
    else:
        found = lab_pool.lab(targets, options)
    yield found
    for line in found.process.remarks().splitlines():
        warnings.warn(line, LabWarning, stacklevel=1)


@pytest.fixture
def drill(request: pytest.FixtureRequest, lab: Lab) -> DrillCase:
    """The drill that this test is about; the marker `lab_drills` says of which scenario."""
    if not hasattr(request, "param"):
        raise pytest.UsageError("The fixture `drill` needs the marker lab_drills, as @pytest.mark.lab_drills('quick').")
    case: DrillCase = request.param
    return replace(case, lab=lab)
