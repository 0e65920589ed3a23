"""What several tests share."""

from pathlib import Path

import pytest

import speech_commands as sc

ROOT = Path(__file__).resolve().parents[3]
GOLDEN = ROOT / "crates/sc-data/tests/golden"
EXAMPLES = ROOT / "assets/web/examples"


@pytest.fixture(scope="session")
def recognizer():
    return sc.Recognizer()
