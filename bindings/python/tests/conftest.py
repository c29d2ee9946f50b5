"""Names that no other test and no other run has, and a look that nothing stays behind."""

import gc
import os
from pathlib import Path

import pytest

SHM = Path("/dev/shm")


@pytest.fixture
def name(request):
    name = f"shm-test-python-{os.getpid()}-{request.node.name[:60]}"
    name = "".join(c if c.isalnum() or c in "._-" else "-" for c in name)
    yield name
    gc.collect()
    left = [path.name for path in SHM.iterdir() if path.name.startswith(name)]
    for file in left:
        (SHM / file).unlink()
    assert not left, "a segment that everybody left is still there"
