"""Nothing of ours needs Django but what is for it."""

import subprocess
import sys


def test_the_codec_does_without_django() -> None:
    program = (
        "import sys, codec; assert not any(m.startswith('django') for m in sys.modules); sys.modules['django'] = None\n"
        "try: import codec.integrations.django\nexcept ImportError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "pip install 'sain-codec[django]'" in done.stdout
