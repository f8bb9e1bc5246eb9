"""Where bytes come from: files, and later brokers and polls."""
