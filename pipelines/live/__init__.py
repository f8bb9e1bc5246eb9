"""Streams: brokers instead of files, landed by the same verbs, for as long as the process runs."""
