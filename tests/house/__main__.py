"""The sizes of the rooms beside their goals: `python -m tests.house [CHECKOUT]`."""

import sys
from pathlib import Path

from tests.house.sizes import table
from tests.house.source import Package

if __name__ == "__main__":
    checkout = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[2]
    print("\n".join(table(Package(checkout.resolve()))))
