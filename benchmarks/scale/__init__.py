"""Measure time and memory of a survey against the number of its stations."""
