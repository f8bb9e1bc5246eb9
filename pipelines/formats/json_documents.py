"""JSON documents: each an object, an array of objects, or an envelope with an array of objects inside, become lines.

What a line means is `json_lines`; a document that is none becomes a line as well, which is refused there.
"""

import numpy as np
import polars as pl

from pipelines.engine import cursor
from pipelines.formats.lines import Lines

SPLIT = """
SELECT document, unnest(rows) AS line, unnest(range(len(rows))) AS place
FROM (
    SELECT document, CASE json_type(root) WHEN 'ARRAY' THEN json_extract(root, '$[*]') ELSE [root] END AS rows
    FROM (SELECT document, coalesce(json_extract(text, '{pointer}'), json(text)) AS root FROM documents)
)
"""


def lines(documents: Lines, records: tuple[str, ...]) -> tuple[bytes, np.ndarray, np.ndarray]:
    """The documents' rows as a buffer of lines, where each line begins, and of which document it is.

    Args:
        records: path of keys to the array of rows; a document without it is taken as it is.
    """
    pointer = "".join("/" + k.replace("~", "~0").replace("/", "~1").replace("'", "''") for k in records)
    raw = documents.raw()
    texts = raw.cast(pl.String) if documents.is_utf8 else pl.Series([_text(b) for b in raw], dtype=pl.String)
    table = pl.DataFrame({"document": np.arange(len(texts)), "text": texts})
    with cursor() as engine:
        engine.register("documents", table.to_arrow())
        is_json = engine.sql("SELECT coalesce(json_valid(text), false) AS ok FROM documents").pl()["ok"]
        engine.register("documents", table.filter(is_json).to_arrow())
        found = engine.sql(SPLIT.format(pointer=pointer)).pl()
    rows = found.select("document", "place", pl.col("line").cast(pl.String).cast(pl.Binary))
    # what is no JSON stays whole, as one line that the next step refuses
    odd = table["document"].filter(~is_json)
    if odd.len():
        flat = [bytes(b).replace(b"\n", b" ").replace(b"\r", b" ") for b in raw.gather(odd)]
        rows = rows.vstack(pl.DataFrame({"document": odd, "place": [0] * odd.len(), "line": flat}, schema=rows.schema))
    rows = rows.sort("document", "place")
    sizes = rows["line"].bin.size().to_numpy().astype(np.int64)
    return b"\n".join([*rows["line"], b""]), np.cumsum(sizes + 1) - sizes - 1, rows["document"].to_numpy()


def _text(document: bytes) -> str | None:
    try:
        return document.decode()
    except UnicodeDecodeError:
        return None
