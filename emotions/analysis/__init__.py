"""Scoring of whole files: read, score, keep every finished row, write, summarise."""
