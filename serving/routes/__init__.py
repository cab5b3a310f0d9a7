"""Translate HTTP into calls of the domain and back; nothing is computed here."""
