"""One file per wire format: bytes in, columns and faults out."""
