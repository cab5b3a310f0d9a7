"""Run the real `serve` verb, and leave a list of what the process has loaded when it ends."""

import sys
from pathlib import Path

from serving.commands import serve

if __name__ == "__main__":
    port, modules = int(sys.argv[1]), Path(sys.argv[2])
    try:
        serve(port=port)
    finally:
        modules.write_text("\n".join(sorted(sys.modules)))
