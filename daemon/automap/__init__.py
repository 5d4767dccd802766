"""Proposals for which stages and fields of two apps are the same. Pure: calls no app."""
