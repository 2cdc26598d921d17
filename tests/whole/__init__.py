"""Tests that speak of the lab as a whole, plugins and all: README, pages, schema, OpenAPI, package."""
