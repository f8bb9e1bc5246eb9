"""Watching live sources: settings, screen, lines, metrics, health. How they are read and landed is `pipelines.live`."""
