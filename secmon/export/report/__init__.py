"""Render the report `secmon.report/1`; one module per format."""
