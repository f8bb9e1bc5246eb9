"""A city with known truth and injected faults."""
