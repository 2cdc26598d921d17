"""The parts of the screen: one file each. `registry` lists them, and imports no Textual."""
