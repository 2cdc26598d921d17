"""Invoke Async Lab: show, rehearse and test an asynchronous agent API."""

__version__ = "0.1.0"
