"""The rim: command line, settings, Dagster definitions. Data work does not belong here."""
