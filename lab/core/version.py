"""The lab's version, which recordings, answers and reports name.

It doesn't stand in `lab/__init__.py`: another distribution, named lab, has a file of that name, and where both are
installed the later one's lies there. All other modules of the two have different names.
"""

__version__ = "0.1.0"
