"""The screen's budgets (screen.md §11): CPU, bytes and memory of `lab demo` in a terminal; floods, outputs and seeks in the process."""

import asyncio
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import quantiles

from textual import events

from lab.clocks import breathe
from lab.tui.app import LabApp
from lab.tui.screens.main import MainScreen
from lab.tui.state.journal import JournalState, follow
from tests.bench.load import PATIENCE
from tests.bench.measure import Extent, Row, Samples
from tests.terminal import Terminal, lab
from tests.tui import play

SECONDS = 6
SESSIONS = 3
HEADLESS = "headless, 120x36"
TICKS = os.sysconf("SC_CLK_TCK")


def terminal(extent: Extent) -> Iterable[Row]:
    """One demo after another, each looked at while it waits, while it is paused, and while keys are pressed."""
    seconds = extent.of(SECONDS, 1)
    sessions = [_session(seconds) for _ in range(extent.of(SESSIONS, 1))]

    def of(name: str) -> Samples:
        return Samples(tuple(session[name] for session in sessions))

    wait, paused = of("waiting cpu"), of("paused cpu")
    shown = f"{seconds} s at 120x36, mock and polls included"
    yield Row("TUI waiting, clock at 4 Hz, CPU", 1, wait.median, shown, wait.spread, unit="%", at_most=True)
    yield Row("TUI paused, CPU", 0, paused.median, shown, paused.spread, unit="%", at_most=True)
    still = of("paused bytes")
    yield Row("TUI paused, bytes to the terminal", 0, still.median, shown, still.spread, unit="B", at_most=True)
    for name, what in (("running bytes", "running"), ("waiting bytes", "waiting")):
        sent = of(name)
        yield Row(
            f"TUI {what}, bytes to the terminal a second",
            2_000,
            sent.median,
            shown,
            sent.spread,
            unit="B",
            at_most=True,
        )
    used = of("memory")
    yield Row("TUI memory, with the mock in it", 75, used.median, "VmRSS", used.spread, unit="MiB", at_most=True)
    for name, goal, what in (
        ("key", 15, "key to frame, p95"), ("modal", 30, "help to its frame"), ("reset", 100, "reset to its frame"),
    ):  # fmt: skip
        took = of(name)
        yield Row(f"TUI, {what}", goal, took.median, "", took.spread, unit="ms", at_most=True)


def _session(seconds: int) -> dict[str, float]:
    figures: dict[str, float] = {}
    with lab("demo", fresh=True) as demo:
        demo.press_at("space Begin", " ")
        demo.until(lambda seen: "1 poll" in seen.text, 60)
        figures["running bytes"] = _rest(demo, min(seconds, 5))[1]
        demo.until(lambda seen: " a Approve" in seen.text, 60)
        figures["waiting cpu"], figures["waiting bytes"] = _rest(demo, seconds)
        figures["memory"] = _memory(demo.process.pid)
        figures["key"] = quantiles([_changed(demo, "23"[at % 2]) for at in range(1, 21)], n=20)[-1]
        demo.press(" ")
        demo.until(lambda seen: "PAUSED" in seen.text)
        figures["paused cpu"], figures["paused bytes"] = _rest(demo, seconds)
        figures["modal"] = _until(demo, "?", lambda seen: "HELP" in seen.text)
        _until(demo, "?", lambda seen: "HELP" not in seen.text)
        figures["reset"] = _until(demo, "0", lambda seen: "No token yet" in seen.text)
    return figures


def _rest(demo: Terminal, seconds: int) -> tuple[float, float]:
    """Percent of a core and bytes a second while nobody presses a key."""
    demo.drain(0.5)
    used, sent, begun = _cpu(demo.process.pid), demo.received, time.perf_counter()
    demo.drain(seconds)
    took = time.perf_counter() - begun
    return (_cpu(demo.process.pid) - used) / took * 100, (demo.received - sent) / took


def _changed(demo: Terminal, key: str) -> float:
    demo.drain(0.05)
    before = demo.text
    return _until(demo, key, lambda seen: seen.text != before)


def _until(demo: Terminal, key: str, seen: Callable[[Terminal], bool]) -> float:
    begun = time.perf_counter()
    demo.press(key)
    demo.until(seen)
    return (time.perf_counter() - begun) * 1_000


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _memory(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


def flood(extent: Extent) -> Iterable[Row]:
    """10,000 exchanges as fast as they come, with a key pressed at every turn; a seek."""
    polls = extent.of(10_000, 500)
    took, answered = zip(*[asyncio.run(_flooded(polls)) for _ in range(extent.of(SESSIONS, 1))], strict=True)
    figures = Samples(tuple(took))
    yield Row(
        f"TUI, {polls:,} exchanges as fast as they come",
        1_000,
        figures.median,
        HEADLESS,
        figures.spread,
        unit="ms",
        at_most=True,
    )
    keys = Samples(tuple(answered))
    yield Row("the same, slowest answer to a key", 200, keys.median, HEADLESS, keys.spread, unit="ms", at_most=True)
    observations = play.flood(5_000)
    begun = time.perf_counter()
    observed = JournalState(own=True)
    for observation in observations[:256]:
        observed = follow(observed, observation)
    seek = (time.perf_counter() - begun) * 1_000
    yield Row("TUI, a seek's 256 observations folded", 50, seek, "from the nearest state kept", unit="ms", at_most=True)


def output(extent: Extent) -> Iterable[Row]:
    """An answer as long as they come, from when it is there until its first lines are shown."""
    first = Samples(tuple(asyncio.run(_output(number)) for number in range(extent.of(SESSIONS, 1))))
    yield Row(
        "TUI, 64 KiB of Markdown to its screenful", 150, first.median, HEADLESS, first.spread, unit="ms", at_most=True
    )


def frames(extent: Extent) -> Iterable[Row]:
    """From a key that shows an act or the finale to its frame, and back to the panes."""
    for state, key, what in (("waiting", "P", "an act"), ("complete", "escape", "the finale")):
        took = Samples(tuple(asyncio.run(_turned(state, key, extent.of(40, 4)))))
        shown = f"{state}, headless, 120x36; slowest {max(took.values):.0f} ms"
        yield Row(f"TUI, {what} to its frame", 10, took.median, shown, took.spread, unit="ms", at_most=True)


async def _turned(state: str, key: str, times: int) -> list[float]:
    observations, at = play.STATES[state]
    took: list[float] = []
    async with LabApp(play.Scripted(observations(), at)).run_test(size=(120, 36)) as pilot:
        screen = pilot.app.screen
        assert isinstance(screen, MainScreen)
        await pilot.pause(0.5)
        for _ in range(times):
            before, begun = {**screen.canvas.places}, time.perf_counter()
            pilot.app.post_message(events.Key(key, None))
            async with asyncio.timeout(PATIENCE):
                while screen.canvas.places == before:
                    await breathe()
            screen._compositor.render_strips()
            took.append((time.perf_counter() - begun) * 1_000)
            # at most 20 frames a second are drawn
            await pilot.pause(0.06)
    return took


async def _flooded(polls: int) -> tuple[float, float]:
    source = play.Scripted([])
    observations, slowest, pressed, focus = play.flood(polls), 0.0, 0.0, ""
    async with LabApp(source).run_test(size=(120, 36)) as pilot:
        screen = pilot.app.screen
        assert isinstance(screen, MainScreen)
        begun = time.perf_counter()
        for observation in observations:
            source.tell(observation)
        end = begun + PATIENCE
        while screen.state.run.polls < polls:
            assert time.perf_counter() < end, f"{screen.state.run.polls} of {polls} exchanges were folded"
            await breathe()
            if pressed and screen.state.ui.focus != focus:
                slowest, pressed = max(slowest, time.perf_counter() - pressed), 0.0
            if not pressed:
                pressed, focus = time.perf_counter(), screen.state.ui.focus
                pilot.app.post_message(events.Key("2", "2"))
        return (time.perf_counter() - begun) * 1_000, slowest * 1_000


async def _output(number: int) -> float:
    line = f"Row {number}: **some words** about an item, a price of 21.40 and a link to [nowhere](https://example.org).\n\n"
    script = play.Script()
    script.observations, script.x = play.running(), 4
    script.poll(5_000, play.body("COMPLETE", output=line * (65_536 // len(line))), 40)
    source = play.Scripted(play.running())
    async with LabApp(source).run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        begun = time.perf_counter()
        for observation in script.observations[-2:]:
            source.tell(observation)
        screen = pilot.app.screen
        assert isinstance(screen, MainScreen)
        async with asyncio.timeout(PATIENCE):
            while not any(
                "some words" in "".join(span.text for span in row) for row in screen.canvas.widgets["output"].rows
            ):
                await breathe()
        await pilot.pause()
        return (time.perf_counter() - begun) * 1_000
