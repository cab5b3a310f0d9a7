"""Prefect wiring: sources, datasets, flows, commands; no computing."""
