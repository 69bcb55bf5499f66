import asyncio
import random
import time
from itertools import pairwise

from loadtest.network import Delays, Network
from loadtest.wheel import Wheel

PACE = 0.1  # a frame each 2 ms


async def test_every_call_is_ticked_once_a_frame_and_evenly() -> None:
    wheel = Wheel(PACE)
    dues: dict[int, list[float]] = {number: [] for number in range(25)}
    enough = asyncio.Event()
    begun: dict[int, float] = {}

    async def one(number: int) -> None:
        def tick(due_s: float) -> None:
            assert time.monotonic() >= due_s
            dues[number].append(due_s)
            if all(len(each) >= 20 for each in dues.values()):
                enough.set()

        with wheel.joined(tick) as begun[number]:
            await enough.wait()

    async with asyncio.TaskGroup() as tasks:
        turning = tasks.create_task(wheel.turn())
        async with asyncio.TaskGroup() as calls:
            for number in dues:
                calls.create_task(one(number))
        turning.cancel()
    for number, ticked in dues.items():
        each = [due_s for due_s in ticked if due_s > begun[number]]
        steps = [later - earlier for earlier, later in pairwise(each)]
        assert all(abs(step - 0.002) < 1e-6 for step in steps)
        assert abs(each[0] - begun[number] - 0.002) < 1e-6
    slots = [round(begins / 0.0002) % 10 for begins in begun.values()]
    assert max(map(slots.count, range(10))) <= 3  # 25 calls on ten slots


async def test_a_wheel_waits_for_its_first_call_and_for_another_after_the_last() -> None:
    wheel = Wheel(PACE)
    async with asyncio.TaskGroup() as tasks:
        turning = tasks.create_task(wheel.turn())
        for _ in range(2):
            ticked = asyncio.Event()
            await asyncio.sleep(0.01)
            before_s = time.monotonic()
            with wheel.joined(lambda due_s, ticked=ticked: ticked.set()) as begins_s:
                assert begins_s > before_s
                await ticked.wait()
        turning.cancel()


async def test_nothing_overtakes_anything() -> None:

    delays, arrived, done = Delays(0.02, random.Random(3)), list[int](), asyncio.Event()

    def arrive(number: int) -> None:
        arrived.append(number)
        if number == 199:
            done.set()

    for number in range(200):
        delays.pass_on(lambda number=number: arrive(number))
    await done.wait()
    assert arrived == list(range(200))


def test_losses_are_the_share_that_was_asked_for() -> None:

    chance = random.Random(1)
    assert not any(Network().loses(chance) for _ in range(1_000))
    lost = sum(Network(loss_percent=20).loses(chance) for _ in range(10_000))
    assert 1_800 < lost < 2_200
