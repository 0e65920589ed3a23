"""What several tests share."""

import re
from pathlib import Path

import pytest

import speech_commands as sc

ROOT = Path(__file__).resolve().parents[3]
GOLDEN = ROOT / "crates/sc-data/tests/golden"
EXAMPLES = ROOT / "assets/web/examples"


@pytest.fixture(scope="session")
def recognizer():
    return sc.Recognizer()


def programs(module):
    """Returns the programs of the documents that use a module. Those marked `no_run` are left out."""
    documents = [*ROOT.glob("*.md"), *ROOT.glob("docs/src/*.md"), ROOT / "crates/sc-python/README.md"]
    texts = [document.read_text(encoding="utf-8") for document in sorted(documents)]
    blocks = [block for text in texts for block in re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)]
    return [block for block in blocks if module in block]
