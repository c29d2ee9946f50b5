"""The examples of the README run."""

import doctest
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"


def test_the_examples_run():
    text = README.read_text()
    text = "\n".join("" if line.startswith("```") else line for line in text.splitlines())
    parsed = doctest.DocTestParser().get_doctest(text, {}, "README.md", str(README), 0)
    assert len(parsed.examples) > 40
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    runner.run(parsed)
    assert runner.summarize().failed == 0
