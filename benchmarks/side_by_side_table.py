"""The side-by-side as a page, made of what RESULTS.json holds. Pure."""

from collections.abc import Callable, Iterable, Sequence
from statistics import median
from typing import Any

from benchmarks.side_by_side_method import METHOD

Kept = dict[str, Any]
"""One bot's figure in one row: value, floor_ms, what, when, commit, samples."""

NONE, MISSED = "-", "**no**"


def table(found: dict[str, Any]) -> str:
    """The whole page, in Markdown."""
    rows: dict[str, dict[str, Kept]] = found.get("rows", {})
    when = sorted({kept["when"] for bots in rows.values() for kept in bots.values()})
    commits = sorted({kept["commit"] for bots in rows.values() for kept in bots.values()})
    versions = ", ".join(f"{name} {number}" for name, number in found.get("versions", {}).items())
    head = (
        "# Parley beside pipecat and LiveKit Agents\n\n"
        "Written by `python -m benchmarks peers`; not by hand.\n\n"
        f"{' to '.join((when[0], when[-1])) if when else 'nothing measured'} (UTC); "
        f"{found.get('machine', '')}; {versions}; Parley at {', '.join(commits)}.\n"
    )
    parts = (
        head,
        markdown(HEADS, lines(rows)),
        doubts(rows),
        METHOD,
        *(detail(rows, row) for row in DETAILS),
    )
    return "\n".join(part for part in parts if part)


def doubts(rows: dict[str, dict[str, Kept]]) -> str:
    """Which figures rest on no run that counts."""
    found = [
        f"{row} of {name}"
        for row, bots in rows.items()
        for name, kept in bots.items()
        if not any(run.get("counts", True) for run in kept["samples"])
    ]
    return f"**Not one run that counts**: {', '.join(found)}.\n" if found else ""


HEADS = ("figure", "pipecat", "LiveKit", "Parley", "target", "met", "Parley ÷ nearest peer")


def all_met(found: dict[str, Any]) -> bool:
    """Whether no target of those measured is missed."""
    met_at = HEADS.index("met")
    return all(line[met_at] != MISSED for line in lines(found.get("rows", {})))


def lines(rows: dict[str, dict[str, Kept]]) -> list[list[str]]:
    return [line for one in SUMMARY if (line := one(rows))]


def over_floor(rows: dict[str, dict[str, Kept]]) -> list[str]:
    first = rows.get("first-audio", {})
    if "parley" not in first:
        return []
    over = {name: above(kept) for name, kept in first.items() if kept["value"] is not None}
    ours = over.get("parley")
    peers = {name: over[name] for name in ("pipecat", "pipecat-timeout", "livekit") if name in over}
    floor = first.get("parley", {}).get("floor_ms", 0)
    return [
        f"first audio over the serial floor of {floor:.0f} ms, 8 calls, p50, no speculation",
        spread([peers.get("pipecat"), peers.get("pipecat-timeout")], "{:+.0f} ms"),
        spread([peers.get("livekit")], "{:+.0f} ms"),
        spread([ours], "{:+.0f} ms"),
        "≤ +30 ms",
        met(ours, 30),
        ratio(first, "parley", ("pipecat", "pipecat-timeout", "livekit")) + " of the whole wait",
    ]


def of_floor(name: str, what: str, at_most: float) -> Callable[[Any], list[str]]:
    def line(rows: dict[str, dict[str, Kept]]) -> list[str]:
        first = rows.get("first-audio", {})
        kept, plain = first.get(name), first.get("parley")
        if not kept or not plain or kept["value"] is None:
            return []
        share = kept["value"] / plain["floor_ms"]
        return [
            f"{what} (its own floor: {kept['floor_ms']:.0f} ms)",
            NONE,
            NONE,
            f"{kept['value']:.0f} ms, {share:.2f} of {plain['floor_ms']:.0f}",
            f"≤ {at_most} of {plain['floor_ms']:.0f}",
            met(share, at_most),
            ratio(first, name, ("pipecat", "pipecat-timeout", "livekit")),
        ]

    return line


def plain_row(
    row: str, what: str, ours: str, peers: tuple[tuple[str, ...], ...], form: str, **bound: float
) -> Callable[[Any], list[str]]:
    """A figure that is taken as it stands; `peers` are pipecat's bots and LiveKit's."""

    def line(rows: dict[str, dict[str, Kept]]) -> list[str]:
        kept = rows.get(row, {})
        if ours not in kept:
            return []
        cells = [spread([value(kept, name) for name in names], form) for names in peers]
        ((how, limit),) = bound.items() or (("", 0.0),)
        mine = value(kept, ours)
        sign = {"at_most": "≤", "at_least": "≥"}.get(how, "")
        return [
            what,
            *cells,
            spread([mine], form),
            f"{sign} {form.format(limit)}" if how else NONE,
            met(mine, limit, least=how == "at_least") if how else NONE,
            ratio(kept, ours, [name for names in peers for name in names]),
        ]

    return line


def words_line(rows: dict[str, dict[str, Kept]]) -> list[str]:
    kept = rows.get("barge-in", {})
    if "parley-shipped" not in kept:
        return []
    both = (words_of(kept, name) for name in ("livekit-no-warmup", "livekit-synchronized"))
    cells = [words_of(kept, "pipecat"), "; synchronized: ".join(both)]
    cells.append(words_of(kept, "parley-shipped"))
    most = max(beyond(kept.get("parley-shipped")), default=None)
    return ["words in history beyond those heard, most (lost, most)", *cells, "≤ 1", met(most, 1),
            NONE]  # fmt: skip


def words_of(kept: dict[str, Kept], name: str) -> str:
    if not (more := beyond(kept.get(name))):
        return NONE
    return f"{max(more):.1f} ({max(lost(kept.get(name))):.1f})"


def beyond(kept: Kept | None) -> list[float]:
    return [max(0.0, one["kept"] - one["heard"]) for one in known(kept)]


def lost(kept: Kept | None) -> list[float]:
    return [max(0.0, one["heard"] - one["kept"]) for one in known(kept)]


def known(kept: Kept | None) -> list[dict[str, float]]:
    if not kept:
        return []
    all_of_them = [one for run in kept["samples"] for one in run["interruptions"]]
    return [one for one in all_of_them if one["kept"] is not None]


SUMMARY: tuple[Callable[[Any], list[str]], ...] = (
    over_floor,
    of_floor("parley-speculating", "the same sentence with speculation", 0.9),
    of_floor("parley-shipped", "as it ships: short first phrase, speculation, partials", 0.75),
    plain_row(
        "capacity",
        "calls a core, p95 ≤ 1.0 s",
        "parley",
        (("pipecat", "pipecat-timeout"), ("livekit",)),
        "{:.0f}",
        at_least=128,
    ),
    plain_row("capacity", "the same, as it ships", "parley-shipped", ((), ()), "{:.0f}"),
    plain_row(
        "capacity",
        "the same behind Serve and HAProxy, both on the core",
        "parley-serve",
        ((), ()),
        "{:.0f}",
    ),
    plain_row(
        "memory",
        "memory of a further call",
        "parley",
        (("pipecat", "pipecat-timeout"), ("livekit",)),
        "{:.1f} MB",
        at_most=1,
    ),
    plain_row(
        "barge-in",
        "first voiced sample of a barge-in to `clear`, median",
        "parley-shipped",
        (("pipecat",), ("livekit", "livekit-no-warmup")),
        "{:.0f} ms",
        at_most=200,
    ),
    words_line,
)


def detail(rows: dict[str, dict[str, Kept]], row: str) -> str:
    """A table of every sample behind a row."""
    if row not in rows:
        return ""
    heads, cells = DETAILS[row]
    body = [[kept["what"], *cells(kept)] for kept in rows[row].values()]
    return f"## {row}\n\n" + markdown(("bot", *heads), body)


def talks(kept: Kept) -> list[str]:
    runs = kept["samples"]
    return [
        " / ".join(f"{run['calls']}" for run in runs),
        " / ".join(milliseconds(run["p50_ms"]) for run in runs),
        " / ".join(milliseconds(run["p95_ms"]) for run in runs),
        f"{median(run['cores'] for run in runs):.2f}",
        " / ".join(f"{run['others']:.2f}" for run in runs),
        " / ".join(f"{run['missed']}" for run in runs),
        " / ".join(f"{max(run['late_ms'].values()):.0f}{'' if run['counts'] else ' !'}"
                   for run in runs),
    ]  # fmt: skip


def megabytes(kept: Kept) -> list[str]:
    (one,) = kept["samples"]
    return [f"{one['one_mb']:.0f}", f"{one['many']}", f"{one['many_mb']:.0f}", str(kept["value"])]


def stops(kept: Kept) -> list[str]:
    every = [one for run in kept["samples"] for one in run["interruptions"]]
    return [
        " ".join(milliseconds(one["clear_ms"], "ignored") for one in every),
        " ".join(f"{one['heard']}→{NONE if one['kept'] is None else one['kept']}" for one in every),
    ]


TALKS = (
    "calls",
    "p50 ms",
    "p95 ms",
    "cores used",
    "others on its core",
    "unanswered",
    "latest of callers, mocks ms",
)
DETAILS: dict[str, tuple[tuple[str, ...], Callable[[Kept], list[str]]]] = {
    "first-audio": (TALKS, talks),
    "capacity": (TALKS, talks),
    "memory": (("MB with 1 call", "calls", "MB with them", "MB a further call"), megabytes),
    "barge-in": (("ms to clear", "words heard → kept"), stops),
}


def above(kept: Kept) -> float:
    return kept["value"] - kept["floor_ms"]


def value(kept: dict[str, Kept], name: str) -> float | None:
    return kept[name]["value"] if name in kept else None


def milliseconds(value: float | None, never: str = "never") -> str:
    return never if value is None else f"{value:.0f}"


def spread(values: Iterable[float | None], form: str) -> str:
    """The least and the most of what there is."""
    there = sorted(value for value in values if value is not None)
    return " … ".join(dict.fromkeys(form.format(value) for value in there)) or NONE


def met(value: float | None, limit: float, *, least: bool = False) -> str:
    if value is None:
        return NONE
    return "yes" if (value >= limit if least else value <= limit) else MISSED


def ratio(kept: dict[str, Kept], ours: str, peers: Iterable[str]) -> str:
    """Ours over the peer that is nearest to it."""
    mine = value(kept, ours)
    theirs = [found for name in peers if (found := value(kept, name))]
    if not mine or not theirs:
        return NONE
    return f"{mine / min(theirs, key=lambda one: abs(one - mine)):.2f}"


def markdown(heads: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    rule = ["---"] * len(heads)
    return "\n".join(f"| {' | '.join(line)} |" for line in (heads, rule, *body)) + "\n"
