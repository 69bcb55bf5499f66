"""What waits to go out to the caller. Owns the order; the codec owns the words."""

import asyncio

from ingress.protocols.outputs import AgentSays, Clear, Output, PhraseEnd, Play


class Outbox:
    """A queue whose speech can be taken back for as long as it has not been sent."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Output] = asyncio.Queue()

    def put(self, output: Output) -> None:
        self._queue.put_nowait(output)

    async def get(self) -> Output:
        return await self._queue.get()

    def clear(self) -> None:
        """Take back all speech, here and, by `Clear`, at the caller's end. The rest still goes."""
        waiting = [self._queue.get_nowait() for _ in range(self._queue.qsize())]
        self.put(Clear())
        for output in waiting:
            if not isinstance(output, Play | PhraseEnd | AgentSays):
                self.put(output)
