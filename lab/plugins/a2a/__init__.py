"""The A2A dialect: agent cards, JSON-RPC, tasks (a2a.md). `plugin.py` declares it, `wire.py` is it whole."""
