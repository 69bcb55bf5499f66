"""The same dialogue over WebRTC."""

import sys

import pytest

from tests.clients.test_clients import assert_held, assert_remembered, report_of

pytestmark = pytest.mark.timed


def test_agents_realtime_over_webrtc(parley, sentences, node_clients, browser):
    """In Chromium, with a client secret."""
    url, models = parley
    driver = ("node", node_clients / "agents_webrtc.mjs")
    report = report_of(url, sentences, *driver, PARLEY_CHROMIUM=browser)
    assert_held(report, list(sentences))
    assert_remembered(models.prompts, report)


def test_aiortc(parley, sentences):
    url, models = parley
    driver = (sys.executable, "-W", "error", "-m", "tests.clients.aiortc_client")
    report = report_of(url, sentences, *driver)
    assert_held(report, list(sentences))
    assert_remembered(models.prompts, report)
