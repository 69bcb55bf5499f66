"""Prompts and their variables."""

import pytest

from conversation.prompts import MARKER, PromptError, filled, system_prompt, variables_of


def test_variables_are_filled_and_values_are_not_templates():
    found = filled("Hi {name} of {company}, {{ok}}.", {"name": "{company}", "company": "Acme"})
    assert found == "Hi {company} of Acme, {ok}."


def test_all_missing_variables_are_named():
    with pytest.raises(PromptError, match="no value for company, industry"):
        filled("{company} {industry} {name}", {"name": "x"})


@pytest.mark.parametrize("template", ["{name.__class__}", "{0}", "{}", "{a[b]}", "{a b}", "{"])
def test_anything_but_a_plain_name_is_refused(template):
    with pytest.raises(PromptError):
        variables_of(template)


def test_markers_are_asked_for_only_when_wanted():
    assert MARKER in system_prompt("Be brief.", {}, phrase_markers=True)
    assert system_prompt(" Be brief. ", {}, phrase_markers=False) == "Be brief."
