"""What leaves the lake: one file per kind of export."""
