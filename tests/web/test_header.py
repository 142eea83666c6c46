"""The module reads files as Python reads them: header, tables, digest, condition, orientation, profile."""

import base64
import io
import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import codec
from codec import carriers, embed, exif
from codec.carriers.jpeg import JPEG
from codec.errors import CodecError
from codec.jpeg.recognise import recognise
from codec.jpeg.tables import STANDARD, scale_tables
from codec.models import registry
from codec.models.description import describe
from tests.conftest import PICTURES, pixels_of
from tests.web.pictures import SRGB, small_files, turned_photo
from web.build import write_tables

FACTS = Path(__file__).with_name("facts.mjs")
FROZEN = sorted((Path(__file__).parents[1] / "frozen" / "v1").glob("*/jpeg-*.jpg"))


@pytest.fixture(scope="module")
def facts_of(node: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("tables")
    write_tables(folder)
    known = json.loads((folder / "tables.json").read_text())

    def facts(files: list[bytes]) -> list[dict[str, Any]]:
        given = json.dumps({"files": [base64.b64encode(data).decode() for data in files], "known": known})
        done = subprocess.run([node, str(FACTS)], input=given, capture_output=True, text=True, check=True, timeout=60)
        answers: list[dict[str, Any]] = json.loads(done.stdout)
        return answers

    return facts


def expected(data: bytes) -> dict[str, Any]:
    file = carriers.read(data)
    assert file is not None
    assert isinstance(file.carrier, JPEG)
    img = file.image
    tables = np.array([img.quantization[key] for key in sorted(img.quantization)])  # type: ignore[attr-defined]
    profile, comment = img.info.get("icc_profile"), img.info.get("comment")
    wanted = {
        "width": img.width,
        "height": img.height,
        "components": len(img.getbands()),
        "tables": tables.tolist(),
        "comment": comment and comment.decode("latin-1"),
        "orientation": exif.orientation(img.info.get("exif", b"")),
        "digest": file.digest,
        "icc": profile and base64.b64encode(profile).decode(),
    }
    try:
        header = file.header
    except CodecError:
        return wanted | {"trouble": True}
    named = header and {
        "model": header.model,
        "fullSize": list(header.full_size),
        "lrSize": list(header.lr_size),
        "digest": header.digest,
        "grey": header.grey,
        "alpha": header.alpha is not None,
    }
    return wanted | {"header": named}


def check(facts: dict[str, Any], data: bytes) -> None:
    bare = Image.open(io.BytesIO(base64.b64decode(facts.pop("bare"))))
    assert not {"exif", "xmp", "icc_profile", "comment"} & set(bare.info)
    assert np.array_equal(np.array(bare), np.array(Image.open(io.BytesIO(data))))
    assert facts.pop("condition") == pytest.approx(carriers.read(data).condition)  # type: ignore[union-attr]
    if "trouble" in facts:
        facts["trouble"] = True
    assert facts == expected(data)


def test_our_files_are_read_as_python_reads_them(facts_of: Any) -> None:
    files = [*small_files().values(), *(path.read_bytes() for path in FROZEN)]
    photo = pixels_of(PICTURES / "kodim08-crop.png")[:50, :41]
    for header in ("xmp", "compact"):
        files += [codec.encode(photo, quality, header=header) for quality in (1, 33, 77, 100)]
        files += [codec.encode(turned_photo(n), 60, header=header) for n in (1, 3, 8)]
    files += [codec.encode_detached(photo, quality)[0] for quality in (1, 2, 33, 77, 100)]
    assert len(FROZEN) > 5
    answers = facts_of(files)
    for facts, data in zip(answers, files, strict=True):
        check(facts, data)
    assert sum(facts["header"] is not None for facts in answers) >= len(files) - len(FROZEN)


def jpeg(photo: Image.Image, **options: Any) -> bytes:
    out = io.BytesIO()
    photo.save(out, "JPEG", **options)
    return out.getvalue()


def test_what_other_tools_make_of_metadata_is_read_alike(facts_of: Any) -> None:
    small = codec.encode(PICTURES / "kodim04-crop.png", 60)
    img, header = Image.open(io.BytesIO(small)), codec.inspect(small).header
    line = header.format().encode()
    packets = [
        b"<x xmlns:s='urn:sain:' s:h = '%s'/>" % line,
        b'<x xmlns:s="urn:sain:"><s:h>%s</s:h></x>' % line,
        b'<x s:h="strangers"/><rdf:Description xmlns:s="urn:sain:" s:h="%s"/>' % line,
        b'<x xmlns:s="urn:other:" s:h="%s"/>' % line,
        b'<x xmlns:s="urn:sain:" s:h="%s"/>' % line.replace(b"1;", b"7;", 1),
        b'<x xmlns:s="urn:sain:" s:h="%s;zzz"/>' % line,
        b'<x xmlns:s="urn:sain:" s:h="%s;a01234567"/>' % line,
        b'<x xmlns:s="urn:sain:" s:h="%s;g"/>' % line,
        b'<x xmlns:s="urn:sain:" s:h="%s"/>' % line.replace(b"192x", b"0x"),
        embed.insert(header, b"<x:xmpmeta>\xc3\xa9\xff</x:xmpmeta>") or b"",
    ]
    files = [jpeg(img, xmp=packet, quality="keep", icc_profile=SRGB * 60) for packet in packets]
    comments = (b"sain;190x143", embed.text_of(header), b"sain;1;nonsense", b"\xe9sain;190x143", b"")
    files += [jpeg(img, comment=comment, quality="keep", xmp=b"") for comment in comments]
    files.append(jpeg(img, exif=embed.exif_of(header), quality=60))
    files.append(jpeg(img, qtables=[[300 - n for n in range(64)]] * 2, xmp=b"", comment=b""))  # 16-bit steps
    for facts, data in zip(facts_of(files), files, strict=True):
        check(facts, data)


def test_tables_are_recognised_at_every_percentage_and_no_others_are(facts_of: Any) -> None:
    rng = np.random.default_rng(5)
    img = Image.open(PICTURES / "kodim04-crop.png").resize((16, 16))
    bases = [STANDARD, *(describe(name).tables for name in registry.available())]
    wanted, files = [], []
    for base in bases:
        for quality in (1, 1.37, 7, 24, 50, 60.5, 75, 93, 98, 100):
            for changes in (0, 0, 1, 2):
                tables = scale_tables(base, quality)
                for _ in range(changes):
                    at = tuple(rng.integers(0, (2, 8, 8)))
                    tables[at] = np.clip(tables[at] + rng.integers(-1, 2), 1, 255)
                files.append(jpeg(img, qtables=tables.reshape(2, 64).tolist()))
                wanted.append(recognise(tables))
    found = [facts["header"] and facts["header"]["model"] for facts in facts_of(files)]
    assert found == wanted
    own = {name for name in registry.available() if not np.array_equal(describe(name).tables, STANDARD)}
    assert set(wanted) == {None, *own}


def test_no_bytes_lead_to_anything_but_an_answer_or_trouble(facts_of: Any) -> None:
    rng = np.random.default_rng(1)
    whole, files = codec.encode(turned_photo(6), 60), []
    for n in range(300):
        data = bytearray(whole[: rng.integers(len(whole))] if n % 3 == 0 else whole)
        for at in rng.integers(0, max(len(data), 1), 4) if data else ():
            data[at] = rng.integers(256)
        files.append(bytes(data))
    for facts in facts_of([*files, b"", b"\xff\xd8", b"\xff\xd8\xff"]):
        assert facts is None or facts.get("trouble", "Trouble: ").startswith(("Trouble: ", "its "))
