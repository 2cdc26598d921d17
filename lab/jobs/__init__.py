"""What a job is: plan, gates, timeline, texts, its facts and records, and what is derived of it."""
