"""Which items the client knows of, in what order, and how they ended: not what they hold.

An item that the client adds is known at once, so that its next message may name it; where it stands
is told in its turn among what else goes out.
"""

from ingress.protocols.realtime.items import Kind, Status


class Items:
    def __init__(self) -> None:
        self._known: dict[str, Kind] = {}
        self._order: list[str] = []
        self._reserved: set[str] = set()  # of `_order`: not shown yet
        self._status: dict[str, Status] = {}  # of the responses' own
        self._calls: dict[str, str] = {}  # tool call → its item
        self._given: dict[str, int] = {}  # what the client has added → its bytes
        self.given_bytes = 0
        """What the client has added, and is still there, has together."""

    def __contains__(self, item: object) -> bool:
        return item in self._known

    def kind(self, item: str) -> Kind:
        return self._known[item]

    def status(self, item: str) -> Status:
        return self._status.get(item, "completed")

    def know(self, item: str, kind: Kind, *, call_id: str = "", given_bytes: int = 0) -> None:
        """`given_bytes`: what it takes, if the client has added it."""
        self._known[item] = kind
        if given_bytes:
            self._given[item] = given_bytes
            self.given_bytes += given_bytes
        if kind == "call":
            self._calls[call_id] = item

    def forget(self, item: str) -> None:
        del self._known[item]
        self.given_bytes -= self._given.pop(item, 0)
        self._calls = {call: its for call, its in self._calls.items() if its != item}

    def called(self, call_id: str) -> bool:
        return call_id in self._calls

    def reserve(self, item: str) -> None:
        """What is put behind this from now on stands behind it, whenever it is shown."""
        self._order.append(item)
        self._reserved.add(item)

    def give_up(self, item: str) -> None:
        """An item that had a place will not be shown, unless it is there already."""
        if item in self._reserved:
            self._reserved.remove(item)
            self._order.remove(item)

    def place(self, item: str, after: str | None = "", *, more: bool = False) -> str | None:
        """Put an item behind another: in front of all for None, else at the end; or where its
        place was reserved. The item before it, None for none. `more`: it is not whole yet."""
        at = len(self._order)
        if after is None:
            at = 0
        elif after in self._order:
            at = self._order.index(after) + 1
        if item in self._reserved:
            self._reserved.remove(item)
        else:
            self._order.insert(at, item)
        if more:
            self._status[item] = "in_progress"
        return self.before(item)

    def before(self, item: str) -> str | None:
        before = reversed(self._order[: self._order.index(item)])
        return next((one for one in before if one not in self._reserved), None)

    def close(self, item: str, status: Status) -> bool:
        """Nothing more comes of the item; whether it is still there."""
        there = item in self._order
        if there:
            self._status[item] = status
        return there

    def remove(self, item: str) -> None:
        """It is not shown any more."""
        self._order.remove(item)
        self._status.pop(item, None)
