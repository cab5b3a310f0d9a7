"""Land raw files: read once from where they come, keep for ever under their own SHA-256."""

from pipelines.sources.landing import RawFile, land

__all__ = ["RawFile", "land"]
