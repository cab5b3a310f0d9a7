"""Rivals that run in an environment of their own; nothing here imports Gatecast."""
