"""When each stage of a turn was done, by times that are handed in."""

from ingress.stages import Stages


def test_a_prepared_turns_stages_come_before_its_endpoint():
    stages = Stages()
    stages.reached("transcript", 10.2)
    stages.reached("first_audio", 10.4)
    stages.begin(10.5, 500)
    stages.reached("sent", 10.501)
    done = {"transcript": 200.0, "first_audio": 400.0, "endpoint": 500.0, "sent": 501.0}
    assert stages.finish() == done
    assert stages.finish() == {}


def test_what_was_reached_before_the_callers_last_voice_belongs_to_no_turn():
    stages = Stages()
    stages.reached("transcript", 1.0)
    stages.begin(10.5, 500)
    assert stages.finish() == {"endpoint": 500.0}


def test_a_line_that_is_late_within_the_silence_makes_the_turn_no_shorter():
    stages = Stages()
    stages.voiced()
    stages.silent(10.12, 120)
    stages.reached("transcript", 10.2)
    stages.begin(11.0, 500)
    assert stages.finish() == {"transcript": 200.0, "endpoint": 1_000.0}
    stages.begin(20.0, 500)  # a new utterance, of which only the end is told
    assert stages.finish() == {"endpoint": 500.0}


def test_a_pause_without_words_leaves_nothing_to_the_next():
    stages = Stages()
    stages.silent(1.12, 120)
    stages.reached("transcript", 1.2)
    stages.voiced()
    stages.silent(10.12, 120)
    stages.reached("transcript", 10.2)
    stages.begin(10.5, 500)
    stages.voiced()  # over the agent
    assert stages.finish() == {"transcript": 200.0, "endpoint": 500.0}


def test_what_was_prepared_for_nothing_is_forgotten():
    stages = Stages()
    stages.reached("first_token", 10.3)
    stages.forget()
    stages.reached("first_token", 12.3)
    stages.begin(12.5, 500)
    assert stages.finish() == {"first_token": 300.0, "endpoint": 500.0}


def test_an_utterance_over_the_agent_counts_for_the_turn_that_it_begins():
    stages = Stages()
    stages.begin(10.0, 500)
    stages.begin_next(20.0, 500)
    stages.finish()
    stages.reached("sent", 20.6)
    assert stages.finish() == {"endpoint": 500.0, "sent": 1_100.0}


def test_or_for_none():
    stages = Stages()
    stages.begin(10.0, 500)
    stages.begin_next(20.0, 500)
    stages.begin_no_more()
    assert stages.finish() == {"endpoint": 500.0}
    stages.reached("sent", 30.0)
    assert stages.finish() == {}


def test_a_turn_that_is_continued_counts_from_the_second_utterance():
    stages = Stages()
    stages.begin(10.0, 500)
    stages.reached("first_token", 10.9)
    stages.begin_next(11.0, 500)
    stages.begin_anew()
    stages.reached("sent", 11.2)
    assert stages.finish() == {"endpoint": 500.0, "sent": 700.0}


def test_a_reply_without_an_utterance_counts_from_its_asking():
    stages = Stages()
    stages.reached("first_token", 9.0)  # of something before
    stages.begin_asked(10.0)
    stages.reached("first_token", 10.2)
    assert stages.finish() == {"first_token": 200.0}
    stages.begin(20.0, 500)
    stages.begin_asked(20.1)  # asked for after an utterance: its end is what counts
    assert stages.finish() == {"endpoint": 500.0}
