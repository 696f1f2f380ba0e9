"""Declare the tls check."""
