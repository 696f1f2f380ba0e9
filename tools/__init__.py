"""Programs that keep the repository in order; `make check` and `make docs` run them."""
