"""The command line: verbs by import string, no bodies."""
