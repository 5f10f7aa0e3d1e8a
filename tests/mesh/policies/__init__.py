"""Rows of the table, by topic."""
