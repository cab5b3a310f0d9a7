"""Say whether the process lives, and whether it has looked at what is published."""

import time
from typing import Any

from fastapi import APIRouter
from starlette.responses import JSONResponse

from serving.live_models import Standing
from serving.living import Living, LivingParts

router = APIRouter(tags=["health"])


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """Answer while the process can answer at all."""
    return {"status": "alive"}


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", responses={503: {"description": "not ready"}})
async def readyz(living: Living) -> JSONResponse:
    """Answer 200 once the published champions have been looked at, and are looked at again."""
    reason = unready(living)
    return JSONResponse(
        {
            "status": _status(living, reason),
            "reason": reason,
            "source": _source(living),
            **_published(living),
        },
        status_code=200 if reason is None else 503,
    )


def unready(living: LivingParts) -> str | None:
    """Return why no work should be sent here, or None where it should."""
    if living.draining.begun:
        return "the process is about to end"
    if not living.watcher.ready:
        return "the published champions have not been looked at"
    if not (living.ring.known or living.settings.anonymous_in_force):
        return "the keys have not been read"
    if not living.champions.home_there and not (living.champions.models or living.texts.models):
        return "the home folder is not there and no copy can be used"
    return None


def _status(living: LivingParts, reason: str | None) -> str:
    if living.draining.begun:
        return "draining"
    return "ready" if reason is None else "starting"


def _source(living: LivingParts) -> str:
    """Return where what is live comes from; `memory` where the home went away under us."""
    standings = living.champions.standings + living.texts.standings
    if any(each.source == "cache" for each in standings):
        return "cache"
    return "home" if living.champions.home_there else "memory"


def _published(living: LivingParts) -> dict[str, Any]:
    champions, texts, healer = living.champions, living.texts, living.healer
    age = living.watcher.last_pass_age
    standings = champions.standings + texts.standings
    return {
        "champions": list(champions.models),
        "texts": list(texts.models),
        "models": {each.model: _standing(each) for each in standings},
        "failing": {**champions.failing, **texts.failing},
        "swaps": champions.swaps,
        "swap_failed": champions.swap_failed,
        "fallbacks": champions.fallbacks,
        "copies_failed": 0 if living.last_good is None else living.last_good.failed,
        "deleted": {} if healer is None else dict(healer.deleted),
        "last_look_seconds": None if age is None else round(age, 3),
    }


def _standing(standing: Standing) -> dict[str, Any]:
    return {
        "version": standing.version,
        "alias": standing.alias,
        "source": standing.source,
        "live_seconds": round(max(0.0, time.time() - standing.since), 3),
    }
