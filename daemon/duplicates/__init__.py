"""Probable duplicates across and within apps: proposed to people, never acted upon."""
