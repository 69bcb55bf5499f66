"""The session object: merged, validated, echoed, and what it means for the call."""

from dataclasses import replace

import pytest

from conversation.endpointing import Thresholds
from conversation.events import Configured
from conversation.prompts import MARKER_INSTRUCTION
from ingress.protocols.inputs import Listen
from ingress.protocols.realtime.errors import Refused
from ingress.protocols.realtime.session import Defaults, Session
from tests.ingress.realtime.codec_line import DEFAULTS, Line

TOOL = {"type": "function", "name": "f", "parameters": {"type": "object"}}


def session(defaults: Defaults = DEFAULTS, **update):
    return Session.begin(defaults, "sess_1", 1_800_000_000).updated(update)


def heard(**detection):
    return session(audio={"input": {"turn_detection": detection}}).listen()


def test_it_begins_as_the_agent_is():
    body = session().body
    assert body["instructions"] == "Be brief."
    assert (body["model"], body["id"]) == ("default", "sess_1")
    assert body["audio"]["output"]["voice"] == "af_heart"
    assert body["audio"]["input"]["transcription"] is None
    assert body["audio"]["input"]["turn_detection"]["create_response"] is True
    assert session().listen() == Listen(
        replace(Thresholds(), complete_silence_ms=500, incomplete_silence_ms=500)
    )


def test_an_update_is_merged():
    """A second update leaves what the first has set (agents-js sends only `tracing`)."""
    detection = {"type": "semantic_vad"}
    first = session(tools=[TOOL], audio={"input": {"turn_detection": detection}})
    second = first.updated({"type": "realtime", "tracing": "auto"})
    assert second.body == first.body | {"tracing": "auto"}
    third = second.updated({"audio": {"output": {"voice": "marin"}}})
    assert third.body["audio"]["input"] == first.body["audio"]["input"]
    assert third.body["tools"] == [TOOL]


def test_what_is_unknown_is_echoed():
    given = {
        "model": "gpt-realtime-9",
        "truncation": {"type": "retention_ratio", "retention_ratio": 0.5},
        "reasoning": {"effort": "low"},
        "include": ["item.input_audio_transcription.logprobs"],
        "prompt": {"id": "p"},
        "flavour": "mint",
        "audio": {"input": {"noise_reduction": {"type": "near_field"}}},
    }
    body = session(**given).body
    assert {key: body[key] for key in given if key != "audio"} == {
        key: value for key, value in given.items() if key != "audio"
    }
    assert body["audio"]["input"]["noise_reduction"] == {"type": "near_field"}


def test_transcription_is_echoed_with_the_given_keys_only():
    """pipecat takes no others."""
    body = session(audio={"input": {"transcription": {"model": "whisper-1"}}}).body
    assert body["audio"]["input"]["transcription"] == {"model": "whisper-1"}


def test_null_leaves_what_is_not_switched_off_by_it():
    body = session(instructions=None, tools=None, audio={"input": {"turn_detection": None}}).body
    assert (body["instructions"], body["tools"]) == ("Be brief.", [])
    assert body["audio"]["input"]["turn_detection"] is None


def test_formats_are_replaced_whole():
    mu_law = session(audio={"output": {"format": {"type": "audio/pcmu"}}})
    assert mu_law.body["audio"]["output"]["format"] == {"type": "audio/pcmu"}
    pcm = mu_law.updated({"audio": {"output": {"format": {"type": "audio/pcm"}}}})
    assert pcm.body["audio"]["output"]["format"] == {"type": "audio/pcm", "rate": 24_000}


@pytest.mark.parametrize(
    ("update", "param"),
    [
        ({"type": "transcription"}, "session.type"),
        ({"output_modalities": ["text", "audio"]}, "session.output_modalities"),
        ({"instructions": 7}, "session.instructions"),
        ({"tools": [{"type": "mcp"}]}, "session.tools.0.type"),
        ({"tools": [{"type": "function"}]}, "session.tools.0.name"),
        ({"tool_choice": {"type": "function", "name": "g"}}, "session.tool_choice"),
        ({"max_output_tokens": 0}, "session.max_output_tokens"),
        ({"audio": 7}, "session.audio"),
        ({"audio": {"input": 7}}, "session.audio.input"),
        ({"audio": {"input": {"format": {"type": "audio/mp3"}}}}, "session.audio.input.format"),
        (
            {"audio": {"input": {"format": {"type": "audio/pcm", "rate": 16_000}}}},
            "session.audio.input.format.rate",
        ),
        ({"audio": {"output": {"speed": 9}}}, "session.audio.output.speed"),
        (
            {"audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": 2}}}},
            "session.audio.input.turn_detection.threshold",
        ),
        (
            {"audio": {"input": {"turn_detection": {"type": "magic"}}}},
            "session.audio.input.turn_detection",
        ),
        ({"parley": {"events": "yes"}}, "session.parley.events"),
    ],
)
def test_what_is_wrong_is_named_and_changes_nothing(update, param):
    line = Line()
    error = line.refused("session.update", session={"instructions": "New.", **update})
    assert error["param"] == param
    line.does("session.update", session={})
    assert line.told[0]["session"] == session().body


def test_server_vad():
    how = heard(type="server_vad", threshold=0.7, prefix_padding_ms=100, silence_duration_ms=200)
    assert how.thresholds.speech_threshold == 0.7
    assert (how.thresholds.preroll_ms, how.thresholds.silence_ms) == (100, 200)
    assert (how.thresholds.pause_ms, how.by_hand) == (120, False)
    assert heard(type="server_vad", silence_duration_ms=100).thresholds.pause_ms == 100


def test_semantic_vad_waits_by_its_eagerness():
    waits = {
        eagerness: heard(type="semantic_vad", eagerness=eagerness).thresholds.silence_ms
        for eagerness in ("high", "medium", "auto", "low")
    }
    assert waits == {"high": 300, "medium": 500, "auto": 500, "low": 1_000}


def test_semantic_vad_leaves_it_to_a_model_that_judges_sentences():
    judged = replace(DEFAULTS, judged=True)
    detection = {"type": "semantic_vad", "eagerness": "low"}
    how = session(judged, audio={"input": {"turn_detection": detection}}).listen()
    assert how == session(judged).listen() == Listen(Thresholds())


def test_push_to_talk():
    off = session(audio={"input": {"turn_detection": None}})
    assert off.listen().by_hand
    assert (off.configured().answers, off.configured().interruptible) == (False, False)


def test_a_language_is_iso_639():
    transcription = {"model": "whisper-1", "language": "de-AT"}
    assert session(audio={"input": {"transcription": transcription}}).listen().language == "de"


def test_voices_that_are_unknown_are_the_agents():
    def spoken(voice):
        return session(audio={"output": {"voice": voice}})

    assert spoken("am_michael").configured().wish.voice == "am_michael"
    assert spoken("marin").configured().wish.voice == "af_heart"
    assert spoken("marin").body["audio"]["output"]["voice"] == "marin"
    assert spoken({"id": "am_michael"}).configured().wish.voice == "am_michael"


def test_slow_speech_is_as_slow_as_the_engine_speaks():
    assert session(audio={"output": {"speed": 0.25}}).configured().wish.speed == 0.5


def test_instructions_replace_the_agents_own():
    marked = replace(DEFAULTS, markers=True)
    own, new = session(marked), session(marked, instructions="Use {braces}.")
    assert own.configured().system_prompt == f"Be brief.\n\n{MARKER_INSTRUCTION}"
    assert new.configured().system_prompt == f"Use {{braces}}.\n\n{MARKER_INSTRUCTION}"
    written = new.updated({"output_modalities": ["text"]})
    assert written.configured().system_prompt == "Use {braces}."


def test_only_what_has_changed_is_told_to_the_call():
    line = Line()
    assert line.does("session.update", session={"tracing": "auto"}) == []
    configured, *more = line.does("session.update", session={"instructions": "Be loud."})
    assert (type(configured), configured.system_prompt, more) == (Configured, "Be loud.", [])
    (listen,) = line.does(
        "session.update",
        session={"audio": {"input": {"turn_detection": {"type": "semantic_vad"}}}},
    )
    assert isinstance(listen, Listen)


def test_a_session_does_not_grow_without_end():
    grown = session()
    for number in range(4):
        grown = grown.updated({f"note{number}": "x" * 100_000})
    with pytest.raises(Refused, match="more than 500000 bytes"):
        grown.updated({"one more": "x" * 100_000})


def test_a_model_without_tools():
    with pytest.raises(Refused, match="cannot call tools"):
        session(replace(DEFAULTS, tools=False), tools=[TOOL])


NAMED = {"type": "function", "name": "f"}


@pytest.mark.parametrize("choice", [{}, {"tool_choice": None}])
def test_without_its_tool_a_choice_that_nobody_gave_anew_is_open(choice):
    chosen = session(tools=[TOOL], tool_choice=NAMED)
    gone = chosen.updated({"tools": [], **choice})
    assert (gone.body["tools"], gone.body["tool_choice"]) == ([], "auto")
    assert gone.configured().wish.tool_choice == "auto"
    other = chosen.updated({"tools": [TOOL | {"name": "g"}], **choice})
    assert other.configured().wish.tool_choice == "auto"
    assert chosen.updated({"tools": [TOOL, TOOL | {"name": "g"}]}).body["tool_choice"] == NAMED


def test_a_choice_that_is_given_is_refused_without_its_tool():
    chosen = session(tools=[TOOL], tool_choice=NAMED)
    with pytest.raises(Refused, match="not among the tools"):
        chosen.updated({"tools": [], "tool_choice": NAMED})


def test_a_response_without_tools_drops_the_sessions_choice():
    line = Line(tools=[TOOL], tool_choice=NAMED)
    (asked,) = line.does("response.create", response={"tools": []})
    assert (asked.wish.tools, asked.wish.tool_choice) == ((), "auto")
    given = {"tools": [], "tool_choice": NAMED}
    error = line.refused("response.create", response=given)
    assert error["param"] == "response.tool_choice"
