"""Rows of spans, and what they are made from: frames, fields, Markdown, HTML, JSON, curl."""
