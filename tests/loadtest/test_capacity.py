import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.capacity import broken, kept, next_probe


def search(holds: int, *, first: int, most: int, within_percent: float) -> dict[int, bool]:
    """Against a model server that keeps the objective up to so many calls."""
    tried: dict[int, bool] = {}
    bounds = {"first": first, "most": most, "within_percent": within_percent}
    while (calls := next_probe(tried, **bounds)) is not None:
        assert calls not in tried and 1 <= calls <= most
        tried[calls] = calls <= holds
        assert len(tried) < 40
    return tried


@given(st.integers(0, 600), st.integers(1, 64), st.integers(1, 500))
def test_the_border_is_found_exactly(holds: int, first: int, most: int) -> None:
    tried = search(holds, first=first, most=most, within_percent=0)
    assert kept(tried) == min(holds, most)
    assert len(tried) <= 2 * most.bit_length() + 2


@given(st.integers(0, 600), st.floats(1, 20))
def test_the_border_is_found_to_within(holds: int, within: float) -> None:
    tried = search(holds, first=8, most=600, within_percent=within)
    assert kept(tried) <= holds
    assert holds - kept(tried) <= max(1, kept(tried) * within / 100)


@pytest.mark.parametrize(
    ("holds", "probes"),
    [
        (0, [8, 4, 2, 1]),
        (5, [8, 4, 6, 5]),
        (20, [8, 16, 32, 24, 20, 22, 21]),
        (99, [8, 16, 32, 60]),
    ],
)
def test_it_doubles_and_then_halves(holds: int, probes: list[int]) -> None:
    assert list(search(holds, first=8, most=60, within_percent=0)) == probes


def test_a_failure_below_a_success_is_bad_luck() -> None:
    tried = {8: True, 16: False, 12: False, 10: True, 32: True}
    assert (kept(tried), broken(tried)) == (32, None)
    assert next_probe(tried, first=8, most=64, within_percent=5) == 64
