"""SQL that several metrics share, one view per file, read as `views.<name>`. Metrics of their own do not belong here."""
