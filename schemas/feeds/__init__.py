"""Feeds: one file per stream of the city. Metrics and reference tables do not belong here."""
