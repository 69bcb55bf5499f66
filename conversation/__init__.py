"""Who speaks, and what was said. Pure: no asyncio, clock, socket, Ray or FastAPI."""
