"""Keep the style, the script and the chart library under names that change with their content."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.responses import Response

STATIC: Final = Path(__file__).parent / "static"

#: A name that changes with its content never needs to be asked for again.
FOREVER: Final = "public, max-age=31536000, immutable"

KINDS: Final = {".css": "text/css", ".js": "text/javascript"}


@dataclass(frozen=True, kw_only=True)
class Asset:
    """One file as it is served."""

    content: bytes
    kind: str
    etag: str

    @classmethod
    def of(cls, path: Path) -> "Asset":
        """Read a file."""
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        return cls(content=content, kind=KINDS[path.suffix], etag=f'"{digest}"')

    @property
    def short(self) -> str:
        """The part of the digest that is in the file's name."""
        return self.etag[1:13]


def own_assets() -> dict[str, Asset]:
    """Return our style and script by the names under which pages ask for them."""
    found = {path: Asset.of(path) for path in sorted(STATIC.iterdir()) if path.suffix in KINDS}
    return {f"{path.stem}-{asset.short}{path.suffix}": asset for path, asset in found.items()}


def asset_answer(asset: Asset, if_none_match: str) -> Response:
    """Return a file, or 304 where the client has these very bytes."""
    headers = {"ETag": asset.etag, "Cache-Control": FOREVER}
    if if_none_match == "*" or asset.etag in if_none_match.replace("W/", ""):
        return Response(status_code=304, headers=headers)
    return Response(asset.content, media_type=asset.kind, headers=headers)
