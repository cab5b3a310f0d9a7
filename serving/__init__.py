"""FastAPI translation of the published champions; no training libraries."""
