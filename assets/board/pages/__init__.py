"""One file per kind of page, found by being there: `pages(board) -> Iterator[Page]`."""
