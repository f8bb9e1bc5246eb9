"""One SQL file per metric; its contract is schemas/metrics/<name>.py."""
