"""Bodies of the command line's verbs; `gatecast.py` registers them by import string."""
