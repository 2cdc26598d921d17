"""What is said about clients and for them: the drills derived from a scenario (client-rules.md)."""
