"""The OAuth server: clients, scopes, tokens, grants (contract.md §7)."""
