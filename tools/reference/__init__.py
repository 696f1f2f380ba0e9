"""Write the pages of docs/reference and docs/man from what the program declares."""
