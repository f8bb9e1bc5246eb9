"""One file per format of whole documents: `decode(documents, source, contract) -> Decoded`, found by the file's name."""
