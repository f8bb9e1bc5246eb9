"""Privacy from the first row: what must not be stored is taken out before anything is written."""
