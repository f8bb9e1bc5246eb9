"""Tests of privacy from the first row."""
