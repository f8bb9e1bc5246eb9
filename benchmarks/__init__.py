"""Measures citylake against bare tools and against the simulated truth; nothing here is part of the product."""
