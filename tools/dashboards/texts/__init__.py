"""Hold the titles and descriptions of panels, in both languages."""
