"""Ask whether one model foretells a text better than another by more than luck."""

from dataclasses import dataclass

import numpy as np

from forecasting.language.scoring import Losses

#: Characters of a block: losses within a few words hang together, those of two lines hardly.
BLOCK = 100

#: Resamples of the blocks: 9,999 make 1/10,000 the least p-value.
RESAMPLES = 9_999


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Ours against theirs on the same characters; a negative difference speaks for ours.

    `difference` and its interval `low` to `high` (95 %) are in bits a character; `p_better` is
    one-sided.
    """

    difference: float
    low: float
    high: float
    p_better: float
    blocks: int
    block: int
    resamples: int


def compare(ours: Losses, theirs: Losses, seed: int = 0) -> Comparison:
    """Resample blocks of the text, both models' losses together.

    Where one of them held a character impossible its loss is infinite, and it loses; where both
    did, that character tells nothing.

    Args:
        ours: (characters,) nats.
        theirs: (characters,) nats, of the same characters.
        seed: draws the resamples.

    Source: Koehn (2004), Statistical significance tests for machine translation evaluation;
    Kuensch (1989) for the blocks.
    """
    both = np.isinf(ours) & np.isinf(theirs)
    difference = np.where(both, 0.0, ours - np.where(both, 0.0, theirs)) / np.log(2)
    sums, sizes = _blocks(difference)
    mean = float(difference.mean())
    if not np.isfinite(mean):
        certain = 1.0 if mean > 0 or np.isnan(mean) else 1.0 / (RESAMPLES + 1)
        low = high = mean
    else:
        rng = np.random.default_rng(seed)
        drawn = rng.integers(0, len(sums), (RESAMPLES, len(sums)))
        means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
        certain = float((1 + (means >= 0).sum()) / (RESAMPLES + 1))
        low, high = (float(bound) for bound in np.quantile(means, (0.025, 0.975)))
    return Comparison(
        difference=mean,
        low=low,
        high=high,
        p_better=certain,
        blocks=len(sums),
        block=BLOCK,
        resamples=RESAMPLES,
    )


def _blocks(difference: Losses) -> tuple[Losses, Losses]:
    """Return each block's sum and size; the last block may be shorter."""
    starts = np.arange(0, len(difference), BLOCK)
    sizes = np.diff(np.append(starts, len(difference))).astype(np.float64)
    return np.add.reduceat(difference, starts), sizes
