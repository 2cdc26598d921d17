"""The README's picture, made by the lab itself: `python -m tests.picture` writes `.github/lab.svg`."""

import asyncio
from pathlib import Path

from lab.cli.commands.demo import LiveDemo
from lab.cli.console import Console
from lab.cli.loop import Stop
from lab.cli.setup import make_setup
from lab.settings import ClockSettings, MockSettings
from lab.tui.app import LabApp
from lab.tui.terminal import picture_of

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / ".github" / "lab.svg"


async def picture() -> str:
    """The stage at 120x36 at the moment when a person must decide."""
    settings = MockSettings(
        scenarios=str(ROOT / "scenarios"),
        targets=("item-comparison",),
        clock=ClockSettings("scaled"),
        epoch=1_772_442_900,
    )
    setup = make_setup(settings, reviewer="person")
    async with LiveDemo(setup, Console(), Stop()) as demo:
        app = LabApp(demo.source())
        async with app.run_test(size=(120, 36)) as pilot:
            await pilot.pause(1)
            await pilot.press("space")
            while "APPROVAL" not in app.export_screenshot():
                await pilot.pause(0.1)
            await setup.clock.sleep_until(setup.clock.now() + 9_000)
            return picture_of(app)


if __name__ == "__main__":
    PICTURE.write_text(asyncio.run(picture()))
