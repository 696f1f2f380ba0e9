"""Turn arguments into calls of secmon.app, and results into text and an exit code."""
