"""Connectors: the code that speaks to one kind of app each, and what they share."""
