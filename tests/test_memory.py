"""Memory does not grow with the picture, but for the picture itself; `make bench` measures 50 megapixels."""

from tests.memory import measured


def test_six_megapixels() -> None:
    # one tile's worth, and some pictures of 18 MB; one layer of the network over all of this picture takes 400 MB
    encode, both = measured(3000, 2000)
    assert encode < 500
    assert both < 750
