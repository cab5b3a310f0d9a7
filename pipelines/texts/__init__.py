"""The language flow's steps: corpora, landing, fitting, judging, recording, promotion."""
