"""The screen as commands show it: in a terminal, a browser, a film, and what plugins put beside a question."""
