"""Each rule of validation has a bad file, and says what is wrong where."""

import ast
from pathlib import Path

import pytest

import autoscaler.settings
from autoscaler.core import hosts
from autoscaler.settings import SettingsInvalid, load_settings

CORPUS = Path(__file__).parents[1] / "scenarios" / "bad-config"
FILES = sorted(CORPUS.glob("*.yaml"))
EXPECT = "# expect: "
UNREACHABLE_BY_FILE = {
    "is also set by": "two variables, see test_settings_environment",
    "is larger than": "made by a test",
    "larger than": "made by a test",
    "it has more than": "made by a test",
    "it is larger than": "made by a test",
    "names ": "told with its hint",
}


def complaint(file: Path) -> str:
    with pytest.raises(SettingsInvalid) as caught:
        load_settings(file, environ={})
    return str(caught.value)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_bad_file_is_refused_with_its_line_and_its_sentence(file: Path) -> None:
    expected = [
        line.removeprefix(EXPECT)
        for line in file.read_text().splitlines()
        if line.startswith(EXPECT)
    ]
    said = complaint(file)
    assert expected
    for sentence in expected:
        assert sentence in said
    assert f"{file}:" in said or "not valid YAML" in said


def sentences() -> set[str]:
    """The longest constant part of every sentence that the settings can complain with."""
    found: set[str] = set()
    package = Path(autoscaler.settings.__file__).parent
    for path in [*package.glob("*.py"), Path(hosts.__file__)]:
        for node in ast.walk(ast.parse(path.read_text())):
            found |= _sentence(node)
    return {text for text in found if len(text) > 8}


def _sentence(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Yield) and isinstance(node.value, ast.Tuple):
        return {longest(node.value.elts[1])}
    if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
        is_value_error = isinstance(node.exc.func, ast.Name) and node.exc.func.id == "ValueError"
        return {longest(node.exc.args[0])} if is_value_error else set()
    if isinstance(node, ast.Return) and node.value is not None:
        text = longest(node.value)
        return {text} if text.startswith(("is ", "has ", "must ", "begins ")) else set()
    return set()


def longest(node: ast.AST) -> str:
    parts = [
        part.value
        for part in ast.walk(node)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    ]
    return max(parts, key=len, default="")


def test_every_sentence_of_the_validation_is_produced_by_some_bad_file() -> None:
    said = "\n".join(complaint(file) for file in FILES)
    missing = {
        text
        for text in sentences()
        if text not in said and not any(text.strip().startswith(k) for k in UNREACHABLE_BY_FILE)
    }
    assert not missing
