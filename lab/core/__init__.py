"""The core, pure."""
