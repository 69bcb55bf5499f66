"""What RESULTS.md says of how its figures came about."""

from benchmarks.mocks import FIRST_TOKEN_MS, MS_PER_WORD, STT_MS, TOKENS_PER_S, TTS_MS

METHOD = f"""\
**How.** Each bot has one core to itself; callers and mock models have another. Mocks: transcript
{STT_MS:.0f} ms, first token {FIRST_TOKEN_MS:.0f} ms, {TOKENS_PER_S:.0f} tokens/s (a word is a
token), speech {TTS_MS:.0f} ms, {MS_PER_WORD} ms of sound a word. One uvicorn (uvloop,
websockets-sansio, no compression) for all. Speech ends after 200 ms of silence in all but Parley as
shipped (500 ms): peers count it from Silero's last voice, Parley from where the sound has faded
(`audio/fading.py`). Behind Serve, the rest of Ray runs on the callers' core. The callers are one
process with one timer wheel; they say three recorded questions that begin and end in voice, on a
line with noise of -60 dBFS, and play what they get in real time: `clear` empties their buffer,
marks come back when played. A run of first audio or capacity does not count, and is marked, when
the callers or the mocks were more than 20 ms late (99th percentile) or strangers had more than a
tenth of the bot's core. Repetitions are interleaved; the first turn of each call is left out.

**First audio** is from the last voiced sample to the first audible one. A frame's sound is taken to
be on the line for the 20 ms after its sending; counted as a telephone sends, when a frame has
sounded, and as `make load` counts, all are 20 ms longer. **A figure may lie below the floor**: a
frame is handed over before its 20 ms have sounded (6 to 13 ms of the silence), and the floor counts
eight token times where the eighth word comes after seven (17 ms): a bot gains them that takes the
blank behind a full stop for the sentence's end; real tokens carry the blank in front. Parley's own
work is some 3 ms.

**Calls a core**: the most calls of those tried whose 95th percentile of first audio is at most 1 s,
each call talking all the time (a question every 7 s or so). A percentile over all turns: an answer
that never came is longer than any.

**Memory**: proportional set size with many calls open less that with one, over the calls added.

**Barge-in**: first voiced sample to `clear`, with the defaults of each, spoken alternately 0.7 s
and 2.6 s into an answer of two sentences of 2 s. **Words**: the assistant's message in the next
request to the model against what had sounded, in words of {MS_PER_WORD} ms.

**Peers**: pipecat's transcriber has no partial transcripts and its synthesizer waits for 0.5 s of
sound (the mocks give all at once); LiveKit is its AgentSession in this process: without a room,
WebRTC and a process a job; its rooms' transcript synchronizer is put in where it says so.
"""
