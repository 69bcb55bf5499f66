"""OpenAI's Realtime protocol (GA): client events to what happens in a call, outputs to server
events. Source of shapes, orders and codes: platform.openai.com/docs/api-reference/realtime, and the
types of openai-python 3.51."""
