"""How many calls keep the objective: which number to try next. Pure."""

from collections.abc import Mapping


def kept(tried: Mapping[int, bool]) -> int:
    """The largest number of calls that kept it, 0 if none did."""
    return max((calls for calls, good in tried.items() if good), default=0)


def broken(tried: Mapping[int, bool]) -> int | None:
    """The smallest number above `kept` that did not keep it."""
    largest = kept(tried)
    return min(
        (calls for calls, good in tried.items() if not good and calls > largest), default=None
    )


def next_probe(
    tried: Mapping[int, bool], *, first: int, most: int, within_percent: float
) -> int | None:
    """Doubling from `first` up to `most`, then bisection until the border is known to
    `within_percent` (but at least to one call); None when it is. A number below `kept` that had
    failed is taken for bad luck."""
    good, bad = kept(tried), broken(tried)
    if bad is None:
        following = min(2 * good or first, most)
        return None if good >= most else following
    if bad - good <= max(1.0, good * within_percent / 100):
        return None
    return (good + bad) // 2
