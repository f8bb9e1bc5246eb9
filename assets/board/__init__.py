"""The board: static pages of the city, made from the exported DuckDB file. One file per page in pages/."""
