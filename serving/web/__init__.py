"""Render the pages: templates, styles and scripts of our own, and nothing from elsewhere."""
