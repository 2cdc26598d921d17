"""The door to a store that several processes share (shared.md): its address, its format, and the store in Redis.

`hiredis`, which reads what Redis answers, is imported only where a store is opened.
"""
