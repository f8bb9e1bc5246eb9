"""Lock files of released contract versions."""
