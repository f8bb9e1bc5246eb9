"""Reference tables: what changes slowly. Events do not belong here."""
