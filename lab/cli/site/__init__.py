"""The reference as a static site: the pages of `lab docs`, the screen in pictures and films, the gallery of scenarios."""
