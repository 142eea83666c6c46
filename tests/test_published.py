"""Published checkpoints load by name, and compute what the papers' formulas say."""

import io
import pickle
from pathlib import Path
from random import Random

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import codec
from codec.errors import CodecError
from codec.models import registry
from codec.models.published import from_published, load_published
from codec.picture import Pixels
from training import published

State = dict[str, Tensor]


def dense_state(prefix: str, inputs: int, outputs: int, growth: int = 8) -> State:
    state = {}
    for k in range(1, 6):
        out = outputs if k == 5 else growth
        state[f"{prefix}.conv{k}.weight"] = torch.randn(out, inputs + (k - 1) * growth, 3, 3) * 0.05
        state[f"{prefix}.conv{k}.bias"] = torch.randn(out) * 0.05
    return state


def block_state(prefix: str, roles: str, high: int) -> State:
    state: State = {}
    for role in roles:
        inputs, outputs = (high, 3) if role in "EF" else (3, high)
        state |= dense_state(f"{prefix}.{role}", inputs, outputs)
    return state


def sain_state(scale: int, enhanced: int, vanilla: int) -> State:
    levels, high = scale // 2, 3 * scale**2 - 3
    state = {f"haar_operations.{i}.haar_weights": torch.ones(12 * 4**i, 1, 2, 2) for i in range(levels)}
    for i in range(enhanced):
        state |= block_state(f"down_operations.{i}", "EFGH", high)
    for i in range(vanilla):
        state |= block_state(f"comp_operations.{i}", "FGH", high)
    return {**state, "gmm.gmm_para": torch.randn(3, 5) * 0.1}


def irn_state(scale: int, blocks: int) -> State:
    state: State = {}
    for level in range(scale // 2):
        first = level * (blocks + 1)
        state[f"operations.{first}.haar_weights"] = torch.ones(12 * 4**level, 1, 2, 2)
        for i in range(blocks):
            state |= block_state(f"operations.{first + 1 + i}", "FGH", 3 * 4 ** (level + 1) - 3)
    return state


def dense(state: State, prefix: str, x: Tensor) -> Tensor:
    """The published DenseBlock, straight from its description."""
    seen = [x]
    for k in range(1, 6):
        y = F.conv2d(torch.cat(seen, 1), state[f"{prefix}.conv{k}.weight"], state[f"{prefix}.conv{k}.bias"], padding=1)
        seen.append(F.leaky_relu(y, 0.2))
    return y


def paper_haar(x: Tensor) -> Tensor:
    kernel = torch.tensor([[[1, 1], [1, 1]], [[1, -1], [1, -1]], [[1, 1], [-1, -1]], [[1, -1], [-1, 1]]]).float()
    bands = F.conv2d(x.flatten(0, 1)[:, None], kernel[:, None], stride=2) / 4  # (B * C, 4, h, w)
    return bands.unflatten(0, x.shape[:2]).transpose(1, 2).flatten(1, 2)


def paper_sain(state: State, x: Tensor, scale: int) -> tuple[Tensor, Tensor]:
    """Equations of SAIN, section 3.2: (output, LR of the last enhanced block)."""
    for _ in range(scale // 2):
        x = paper_haar(x)
    x1, x2 = x[:, :3], x[:, 3:]
    prefixes = {k.rsplit(".", 3)[0] for k in state if k.startswith(("down", "comp"))}
    order = sorted(prefixes, key=lambda p: (p.startswith("comp"), int(p.split(".")[1])))
    for p in order:
        if p.startswith("down"):
            lr = x1 + dense(state, f"{p}.E", x2)
            y1 = lr - dense(state, f"{p}.F", x2)
        else:
            y1 = x1 + dense(state, f"{p}.F", x2)
        s = 2 * torch.sigmoid(dense(state, f"{p}.H", y1)) - 1
        x1, x2 = y1, x2 * torch.exp(s) + dense(state, f"{p}.G", y1)
    return torch.cat([x1, x2], 1), lr


@pytest.mark.parametrize(("scale", "enhanced", "vanilla"), [(2, 5, 3), (4, 3, 2)])
def test_sain_computes_the_papers_equations(tmp_path: Path, scale: int, enhanced: int, vanilla: int) -> None:
    state = sain_state(scale, enhanced, vanilla)
    path = tmp_path / "sain.pth"
    torch.save({f"module.{k}": v for k, v in state.items()}, path)  # as DataParallel saves it
    net = load_published(path)
    x = torch.rand(2, 3, 24, 16)
    out = net(x)
    expected, lr = paper_sain(state, x, scale)
    torch.testing.assert_close(torch.cat([out.compressed, out.latent], 1), expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(out.lr, lr, atol=1e-5, rtol=1e-5)
    assert (net.inverse(out.compressed, out.latent) - x).abs().max() < 1e-4
    weights = state["gmm.gmm_para"][0].softmax(0)
    mean = (weights * state["gmm.gmm_para"][1]).sum()
    torch.testing.assert_close(net.upscale(lr), net.inverse(lr, torch.full_like(out.latent, mean.item())))


@pytest.mark.parametrize("scale", [2, 4])
def test_irn_loads_and_inverts(scale: int) -> None:
    net = from_published(irn_state(scale, 3))
    assert [len(level) for level in net.levels] == [3] * (scale // 2)
    x = torch.rand(1, 3, 16, 24)
    out = net(x)
    assert torch.equal(out.lr, out.compressed)
    assert (net.inverse(out.compressed, out.latent) - x).abs().max() < 1e-4


@pytest.mark.parametrize("name", ["plain", "sain-x2-lite", *registry.released()[:1]])
def test_names_of_the_package_are_refused(tmp_path: Path, name: str) -> None:
    torch.save(irn_state(2, 1), tmp_path / "IRN_x2.pth")
    with pytest.raises(CodecError, match="another name"):
        published.convert(tmp_path / "IRN_x2.pth", name, tmp_path)


def test_a_checkpoint_becomes_a_model_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, photo: Pixels, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save(irn_state(2, 1), tmp_path / "IRN_x2.pth")
    arguments = ["published", str(tmp_path / "IRN_x2.pth"), "irn-x2-published", "--out", str(tmp_path)]
    monkeypatch.setattr("sys.argv", arguments)
    assert published.main() == 0
    name = Path(capsys.readouterr().out.strip()).stem
    monkeypatch.setenv(registry.VARIABLE, str(tmp_path))
    monkeypatch.setattr(registry, "_added", registry._added.__wrapped__)
    data = codec.encode(photo, format="png", model="irn-x2-published")
    assert codec.inspect(data).header.model == name
    assert codec.decode(data).size == (photo.shape[1], photo.shape[0])


@pytest.mark.parametrize(("file", "name"), [("none.pth", "irn"), ("IRN_x2.pth", "Not A Name"), ("IRN_x2.pth", "a--b")])
def test_what_cannot_become_a_model_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], file: str, name: str
) -> None:
    torch.save(irn_state(2, 1), tmp_path / "IRN_x2.pth")
    monkeypatch.setattr("sys.argv", ["published", str(tmp_path / file), name, "--out", str(tmp_path / "out")])
    assert published.main() == 1
    assert capsys.readouterr().err.startswith("error: ")
    assert not list(tmp_path.glob("out/*"))


@pytest.mark.parametrize("change", ["extra", "missing", "none"])
def test_other_checkpoints_are_refused(change: str) -> None:
    state = sain_state(2, 1, 1)
    if change == "extra":
        state["conv_first.weight"] = torch.ones(1)
    elif change == "missing":
        del state["down_operations.0.E.conv3.weight"]
    else:
        state = {"gmm.gmm_para": torch.ones(3, 5)}
    with pytest.raises(CodecError):
        from_published(state)


STRANGE: dict[str, State] = {
    "flat mixture": {"gmm.gmm_para": torch.ones(3)},
    "empty mixture": {"gmm.gmm_para": torch.ones(3, 0)},
    "scalar weight": {"down_operations.0.E.conv1.weight": torch.tensor(1.0)},
    "empty weight": {"down_operations.0.E.conv1.weight": torch.ones(0, 9, 3, 3)},
    "IRN's blocks at SAIN's places": block_state("operations.0", "FGH", 9),
}


@pytest.mark.parametrize("change", STRANGE)
def test_tensors_of_other_shapes_are_refused(change: str) -> None:
    with pytest.raises(CodecError) as caught:
        from_published(sain_state(2, 1, 1) | STRANGE[change])
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("place", ["operations.0.haar_weights", "operations.3.haar_weights"])
def test_haar_steps_of_both_kinds_are_refused(place: str) -> None:
    with pytest.raises(CodecError, match="both"):
        from_published(sain_state(2, 1, 1) | {place: torch.ones(12, 1, 2, 2)})


def test_a_haar_step_in_the_place_of_a_block_is_refused() -> None:
    with pytest.raises(CodecError, match="in one place"):
        from_published(irn_state(2, 2) | {"operations.1.haar_weights": torch.ones(12, 1, 2, 2)})


def test_damaged_checkpoints_are_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "damaged.pth"
    out = io.BytesIO()
    state = {"operations.0.haar_weights": torch.ones(12, 1, 2, 2), **block_state("operations.1", "F", 9)}
    torch.save(state, out, _use_new_zipfile_serialization=False)  # bare pickles, as old checkpoints are
    whole, random = out.getvalue(), Random(0)  # noqa: S311 - it is meant to be repeatable
    inputs = [b"", b"entirely text\n", *(mutated(whole, random) for _ in range(80))]
    refusals = []
    for data in inputs:
        path.write_bytes(data)
        try:
            load_published(path)
        except CodecError as error:
            refusals.append(str(error))
    assert len(refusals) > len(inputs) / 2
    assert all(len(refusal.splitlines()) == 1 for refusal in refusals)


def mutated(data: bytes, random: Random) -> bytes:
    """Some bytes of the pickles, which come before and after the tensors' values, changed, or the end cut off."""
    if random.random() < 0.1:
        return data[: random.randrange(len(data))]
    damaged = bytearray(data)
    for _ in range(random.choice((1, 2, 8))):
        damaged[random.randrange(3000)] = random.randrange(256)
    return bytes(damaged)


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('executed')",)


def test_nothing_in_a_checkpoint_is_executed(tmp_path: Path) -> None:
    path = tmp_path / "evil.pth"
    path.write_bytes(pickle.dumps(Evil(), protocol=2))
    with pytest.raises(CodecError):
        load_published(path)
    torch.save({"a": Evil()}, path)
    with pytest.raises(CodecError):
        load_published(path)
