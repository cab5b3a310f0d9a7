"""The verb `notify`: have the Prefect server call a webhook on what an operator should hear of."""

import os

from forecasting.settings import load_settings
from pipelines.commands.output import print_json, print_line
from pipelines.environment import prepare
from pipelines.server import SchedulerUnavailable, scheduler_errors


def notify(*, url: str | None = None, off: bool = False, json: bool = False) -> None:
    """Tell a webhook of refusals, failures, rollbacks and stale champions, or stop telling.

    Makes automations in the Prefect server that PREFECT_API_URL names; a second call replaces
    those of the first.

    Args:
        url: the address to call, http or https.
        off: remove the automations.
        json: print one JSON object.

    Raises:
        SchedulerUnavailable: no server is named, without one nobody evaluates automations; or
            the named one does not answer.
        WebhookInvalid: the address cannot be called, or none was given.
    """
    settings = load_settings()
    prepare(settings)
    if not os.environ.get("PREFECT_API_URL"):
        raise SchedulerUnavailable(
            "nobody would evaluate automations",
            expected="PREFECT_API_URL of a running server, as `gatecast schedule` prints it",
        )
    from pipelines.operations.notices import subscribe, unsubscribe  # noqa: PLC0415 - prefect

    with scheduler_errors():
        names = unsubscribe() if off else subscribe(url or "")
    if json:
        print_json({"removed" if off else "made": names})
    else:
        print_line(f"{'removed' if off else 'made'}: {', '.join(names) or 'none'}")
