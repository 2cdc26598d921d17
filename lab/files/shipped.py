"""What the lab carries for everybody: scenarios, a recording of each. Nothing is written there."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


def shipped_folder(name: str) -> Path:
    """Where `scenarios` or `recordings` lie: inside an installed package, beside it in a checkout. It may be missing."""
    installed = _PACKAGE / "shipped" / name
    return installed if installed.is_dir() else _PACKAGE.parent / name
