"""Say what one forecast is asked for: of which station and targets, how far, in which form."""

from dataclasses import dataclass

from serving.answers import WHOLE, Reach
from serving.forms import PLAIN, Form
from serving.selection import FIRST, Selection


@dataclass(frozen=True, kw_only=True)
class Wish:
    """One forecast of one station; `fallback` takes a climatology where no model can answer."""

    station: str
    selection: Selection = FIRST
    reach: Reach = WHOLE
    form: Form = PLAIN
    fallback: bool = False
