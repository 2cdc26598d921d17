"""The control plane, `/_lab/`: who may command, and what can be commanded (contract.md §2.7)."""
