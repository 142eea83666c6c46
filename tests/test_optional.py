"""Nothing of ours needs a framework, but what is made for it; and that says what to install."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("framework", ["django", "thumbor"])
def test_frameworks(framework: str) -> None:
    program = (
        f"import sys, codec; assert not any(m.startswith({framework!r}) for m in sys.modules)\n"
        f"sys.modules[{framework!r}] = None\n"
        f"try: import codec.integrations.{framework}\nexcept ImportError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert f"pip install 'sain-codec[{framework}]'" in done.stdout
