"""Invoke Async Lab: show, rehearse and test an asynchronous agent API."""
