"""The door to a store that several processes share (shared.md): its address, its format, and the store in Redis.

`redis`, the client library, is imported only where a store is opened.
"""
