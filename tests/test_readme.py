"""What the README tells a newcomer to do and to read is there."""

import re
from pathlib import Path

import pytest

from autoscaler.cli.tree import VERBS, load

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
LINKS = sorted(set(re.findall(r"\]\((?!https?:)([^)#]+)", README)))
COMMANDS = sorted(
    {
        text.strip()
        for text in re.findall(r"neevscale ([a-z][a-z-]*(?: [^`\n#;]*)?)", README)
        if text.split()[0] in VERBS
    }
)
TARGETS = sorted(set(re.findall(r"^make ([a-z-]+)", README, re.MULTILINE)))


@pytest.mark.parametrize("link", LINKS)
def test_every_link_of_the_readme_leads_somewhere(link: str) -> None:
    assert (ROOT / link).exists()


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_of_the_readme_can_be_made(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_readme_takes_the_words_that_it_is_given(command: str) -> None:
    """It is parsed, not run."""
    verb, *words = command.removesuffix(" --help").split()
    assert load(verb).make_context(verb, words).info_name == verb
