"""The A2A dialect: agent cards, JSON-RPC, tasks (contract.md §9)."""
