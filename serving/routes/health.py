"""Say whether the process lives, and whether it has looked at what is published."""

from fastapi import APIRouter
from starlette.responses import JSONResponse

from serving.living import Living

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """Answer while the process can answer at all."""
    return {"status": "alive"}


@router.get("/readyz", responses={503: {"description": "not ready"}})
async def readyz(living: Living) -> JSONResponse:
    """Answer 200 once the published champions have been looked at, and are looked at again."""
    draining, champions = living.draining.begun, living.champions
    ready = living.watcher.ready and not draining
    return JSONResponse(
        {
            "status": "draining" if draining else "ready" if ready else "starting",
            "champions": list(champions.models),
            "texts": list(living.texts.models),
            "swaps": champions.swaps,
            "swap_failed": champions.swap_failed,
        },
        status_code=200 if ready else 503,
    )
