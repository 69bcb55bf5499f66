"""How good and how fast a running stack is: `python -m benchmarks`. Never a test."""
