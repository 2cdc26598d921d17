"""What an author writes: the scenario document, its parser, templates and generated data (scenarios.md)."""
