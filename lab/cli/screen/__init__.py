"""The screen as commands show it: in a terminal, a browser, a film, and on phones beside it."""
