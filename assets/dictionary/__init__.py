"""The data dictionary: all that is known of each feed, reference table and metric, as data, as Markdown and for the board."""
