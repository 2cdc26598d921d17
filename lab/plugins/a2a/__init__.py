"""The A2A dialect: agent cards, JSON-RPC, tasks (contract.md §9). `plugin.py` declares it, `wire.py` is it whole."""
