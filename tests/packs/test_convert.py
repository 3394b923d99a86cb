"""Released layouts at a small size: every variant of a file gives the network it holds."""

import argparse
from dataclasses import replace

import pytest
import torch

from stylexfer.errors import PackMismatch
from stylexfer.networks import (
    Generator,
    HeadPose,
    MotionEncoder,
    OnePassEncoder,
    Recognition,
    ReStyleEncoder,
)
from stylexfer.packs.convert import LAYOUTS, Part, convert
from tests.networks.rebuild import loaded
from tests.packs.pickles import write_2017
from tests.packs.released import rosinality, tiny_files, tiny_generator, tiny_networks

FILES = tiny_files()
NETWORKS = tiny_networks()


@pytest.fixture
def converted(tmp_path):
    """(layout, content) -> the parts of a file with that content."""

    def parts(layout: str, content: dict, legacy: bool = False) -> dict[str, Part]:
        path = tmp_path / "released.pt"
        torch.save(content, path, _use_new_zipfile_serialization=not legacy)
        return convert(layout, path)

    return parts


def assert_same(part: Part, network: torch.nn.Module, ignoring: tuple[str, ...] = ()) -> None:
    expected = network.state_dict()
    assert list(part.state) == list(expected)
    for key, value in part.state.items():
        assert key in ignoring or torch.equal(value, expected[key]), key
    if hasattr(network, "config"):
        assert part.config == network.config


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_file_gives_its_networks(converted, layout, legacy):
    parts = converted(layout, FILES[layout], legacy)
    holds = {
        "stylegan2": {"generator": "generator"},
        "restyle": {"identity_encoder": "restyle", "generator": "generator"},
        "psp": {"encoder": "one_pass", "generator": "generator"},
        "e4e": {"encoder": "one_pass", "generator": "generator"},
        "arcface": {"recognition": "recognition"},
        "hopenet": {"head_pose": "head_pose"},
        "paper": {"motion_encoder": "motion", "mapper": "mapper", "generator": "generator"},
        "lpips": {"perceptual": "perceptual"},
    }[layout]
    assert parts.keys() == holds.keys()
    for name, ours in holds.items():
        unknown = layout == "paper" and name == "generator"  # the file has no latent_avg
        part = parts[name]
        if layout == "e4e" and name == "encoder":
            assert part.config.heads == "e4e"
            part = replace(part, config=replace(part.config, heads="psp"))
        assert_same(part, NETWORKS[ours], ignoring=("latent_avg",) if unknown else ())


def test_networks_run_with_what_was_converted(converted):
    """One forward each: the configs that were read make networks that fit their inputs."""
    x = torch.rand(2, 3, 32, 32) * 2 - 1
    parts = converted("restyle", FILES["restyle"])
    assert loaded(ReStyleEncoder, parts["identity_encoder"])(x, x).shape == (2, 8, 16)
    codes = loaded(OnePassEncoder, converted("psp", FILES["psp"])["encoder"])(x)
    assert loaded(Generator, parts["generator"])(codes).shape == (2, 3, 32, 32)
    motion = loaded(MotionEncoder, converted("paper", FILES["paper"])["motion_encoder"])
    assert motion(torch.rand(1, 3, 256, 256)).shape == (1, 8, 16)
    face = torch.rand(2, 3, 16, 16)
    embedding = loaded(Recognition, converted("arcface", FILES["arcface"])["recognition"])(face)
    torch.testing.assert_close(embedding.norm(dim=1), torch.ones(2))
    assert loaded(HeadPose, converted("hopenet", FILES["hopenet"])["head_pose"])(x).shape == (2, 3)


def test_the_two_kinds_of_restyle(converted):
    kinds = [
        converted("restyle", FILES[name])["identity_encoder"].config
        for name in ("restyle", "restyle e4e")
    ]
    assert [(c.heads, c.iterations) for c in kinds] == [("psp", 3), ("e4e", 5)]


def test_the_two_kinds_of_one_pass_differ(converted):
    """e4e: row 0 is its head, the others add theirs to it."""
    x = torch.rand(1, 3, 32, 32)
    psp, e4e = (
        loaded(OnePassEncoder, converted(kind, FILES[kind])["encoder"]) for kind in ("psp", "e4e")
    )
    rows = psp(x) - psp.latent_avg
    torch.testing.assert_close(e4e(x)[:, :1] - e4e.latent_avg[:1], rows[:, :1])
    torch.testing.assert_close(e4e(x)[:, 1:] - e4e.latent_avg[1:], rows[:, :1] + rows[:, 1:])


def test_one_pass_reads_three_maps():
    """Rows 0-2 from the last map, 3-6 from the one before, the others from the widest."""
    heads = NETWORKS["one_pass"].styles
    assert [len(head.convs) // 2 for head in heads] == [2, 2, 2, 3, 3, 3, 3, 4]


def test_training_files(converted):
    """g, d, optimisers and an argparse.Namespace beside g_ema."""
    data = rosinality(NETWORKS["generator"])
    extra = {
        "g": {k: v + 1 for k, v in data["g_ema"].items()},
        "d": {"final_linear.0.bias": torch.zeros(3)},
        "g_optim": {"state": {0: {"step": 3, "exp_avg": torch.zeros(2)}}, "param_groups": []},
        "args": argparse.Namespace(size=32, lr=0.002, path="data"),
    }
    assert_same(converted("stylegan2", data | extra)["generator"], NETWORKS["generator"])
    opts = argparse.Namespace(**FILES["e4e"]["opts"])
    assert converted("e4e", FILES["e4e"] | {"opts": opts})["encoder"].config.heads == "e4e"


def test_g_ema_alone(converted):
    data = rosinality(NETWORKS["generator"])
    state = data["g_ema"] | {"latent_avg": data["latent_avg"]}
    assert_same(converted("stylegan2", state)["generator"], NETWORKS["generator"])


@pytest.mark.parametrize("shape", [(16,), (1, 16), (8, 16)])
@pytest.mark.parametrize("layout", ["stylegan2", "restyle", "psp"])
def test_shapes_of_latent_avg(converted, layout, shape):
    average = NETWORKS["generator"].latent_avg
    parts = converted(layout, FILES[layout] | {"latent_avg": average.expand(shape).clone()})
    assert torch.equal(parts["generator"].state["latent_avg"], average)
    for name in parts.keys() - {"generator"}:
        assert torch.equal(parts[name].state["latent_avg"], average.repeat(8, 1))


@pytest.mark.parametrize("layout", ["stylegan2", "restyle", "paper"])
def test_a_missing_latent_avg_is_estimated(converted, layout):
    generator = NETWORKS["generator"]
    data = {k: v for k, v in FILES[layout].items() if k != "latent_avg"}
    part = converted(layout, data)["generator"]
    found = part.state["latent_avg"]
    assert torch.equal(found, converted(layout, data)["generator"].state["latent_avg"])
    w = generator.mapping(torch.randn(50_000, 24, generator=torch.manual_seed(7)))
    error = w.std(dim=0) * (1 / 50_000 + 1 / 100_000) ** 0.5
    assert ((found - w.mean(dim=0)).abs() < 5 * error).all()
    assert_same(part, generator, ignoring=("latent_avg",))


def test_rows_that_start_from_zero(converted):
    data = dict(FILES["psp"], opts=FILES["psp"]["opts"] | {"start_from_latent_avg": False})
    assert not converted("psp", data)["encoder"].state["latent_avg"].any()


@pytest.mark.parametrize("layout", ["restyle", "paper", "arcface", "hopenet"])
def test_counters_may_be_absent(converted, layout):
    def without(entries: dict) -> dict:
        return {k: v for k, v in entries.items() if not k.endswith("num_batches_tracked")}

    data = dict(FILES[layout])
    if "state_dict" in data:
        data["state_dict"] = without(data["state_dict"])
    else:
        data = without(data)
    parts = converted(layout, data)
    counters = [v for p in parts.values() for k, v in p.state.items() if k.endswith("tracked")]
    assert counters
    assert all(v.dtype == torch.int64 and v == 0 for v in counters)


def test_a_file_of_2017(tmp_path):
    """As Hopenet's: torch 0.2 under Python 2, on a GPU."""
    state = {k: v for k, v in FILES["hopenet"].items() if v.is_floating_point()}
    write_2017(tmp_path / "hopenet.pkl", state)
    assert_same(convert("hopenet", tmp_path / "hopenet.pkl")["head_pose"], NETWORKS["head_pose"])


@pytest.mark.parametrize("legacy", [False, True])
def test_tensors_tagged_with_a_gpu(converted, monkeypatch, legacy):
    monkeypatch.setattr(torch.serialization, "location_tag", lambda storage: "cuda:0")
    part = converted("arcface", FILES["arcface"], legacy)["recognition"]
    assert_same(part, NETWORKS["recognition"])


def test_half_precision_becomes_fp32(converted):
    halves = {k: v.half() if v.is_floating_point() else v for k, v in FILES["arcface"].items()}
    part = converted("arcface", halves)["recognition"]
    assert all(v.dtype in (torch.float32, torch.int64) for v in part.state.values())


def test_lpips_as_the_original_class_stores_it(converted, tmp_path):
    """The linear weights a second time, and two constants."""
    net = FILES["lpips"]
    second = {k.replace("lin", "lins.", 1): v for k, v in net.items() if k.startswith("lin")}
    constants = {
        "scaling_layer.shift": torch.zeros(1, 3, 1, 1),
        "scaling_layer.scale": torch.ones(1),
    }
    part = converted("lpips", net | second | constants)["perceptual"]
    assert_same(part, NETWORKS["perceptual"])
    linear = {k: v for k, v in net.items() if k.startswith("lin")}
    with pytest.raises(PackMismatch, match="linear weights only"):
        converted("lpips", linear)
    (tmp_path / "empty").mkdir()
    with pytest.raises(PackMismatch, match=r"without \.pth"):
        convert("lpips", tmp_path / "empty")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_missing_and_surplus_entries_are_listed(converted, layout):
    data = {k: dict(v) if isinstance(v, dict) else v for k, v in FILES[layout].items()}
    inner = data.get("state_dict", data.get("g_ema", data))
    prefix = {"stylegan2": "", "psp": "encoder.", "e4e": "encoder.", "restyle": "encoder."}
    prefix = prefix.get(layout, "encoder." if layout == "paper" else "")
    name = "net.slice1.0.bias" if layout == "lpips" else next(iter(inner))
    if layout == "hopenet":
        name = "bn1.bias"
    del inner[name]
    inner[f"{prefix}nobody.knows"] = torch.zeros(1)
    with pytest.raises(PackMismatch) as problem:
        converted(layout, data)
    said = str(problem.value)
    assert f"lacks {name.removeprefix(prefix)}" in said
    assert "surplus nobody.knows" in said
    assert "released.pt" in said and "\n" not in said


def test_many_missing_entries_are_counted(converted):
    """4 of the 6 by name."""
    gone = {f"body.{k}.res_layer.5.fc{n}.weight" for k in (1, 2, 3) for n in (1, 2)}
    data = {k: v for k, v in FILES["arcface"].items() if k not in gone}
    with pytest.raises(PackMismatch, match=r"lacks (\S+, ){3}\S+ and 2 more"):
        converted("arcface", data)


def test_a_surplus_network_or_entry_at_the_top_is_listed(converted):
    with pytest.raises(PackMismatch, match="surplus epoch"):
        converted("stylegan2", FILES["stylegan2"] | {"epoch": 3})
    state = FILES["psp"]["state_dict"] | {"other.weight": torch.zeros(1)}
    with pytest.raises(PackMismatch, match=r"surplus other\.weight"):
        converted("psp", FILES["psp"] | {"state_dict": state})


def test_a_misshapen_entry_is_listed(converted):
    data = FILES["arcface"] | {"body.0.res_layer.0.weight": torch.zeros(7)}
    with pytest.raises(
        PackMismatch, match=r"misshapen body\.0\.res_layer\.0\.weight \[7\] not \[8\]"
    ):
        converted("arcface", data)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"encoder_type": "ResNetBackboneEncoder"}, "encoder type ResNetBackboneEncoder"),
        ({"encoder_type": None}, "encoder type None"),
        ({"n_iters_per_batch": "many"}, "many iterations"),
        ({"start_from_latent_avg": False}, "start_from_latent_avg"),
    ],
)
def test_restyle_options_that_would_change_the_method(converted, change, said):
    data = FILES["restyle"] | {"opts": FILES["restyle"]["opts"] | change}
    with pytest.raises(PackMismatch, match=said):
        converted("restyle", data)


def test_the_stylegan3_variant_of_restyle_is_named(converted):
    """16 heads and another decoder."""
    state = dict(FILES["restyle"]["state_dict"])
    other = {k: v for k, v in state.items() if not k.startswith("decoder.")}
    other["decoder.synthesis.input.freqs"] = torch.zeros(4, 2)
    with pytest.raises(PackMismatch, match="StyleGAN3"):
        converted("restyle", FILES["restyle"] | {"state_dict": other})
    fewer = {k: v for k, v in state.items() if not k.startswith("encoder.styles.7.")}
    with pytest.raises(PackMismatch, match="7 style heads for a generator of 8 rows"):
        converted("restyle", FILES["restyle"] | {"state_dict": fewer})


def test_a_generator_with_other_filters_is_refused(converted):
    data = rosinality(tiny_generator())
    data["g_ema"]["to_rgbs.0.upsample.kernel"] = torch.full((4, 4), 0.25)
    with pytest.raises(PackMismatch, match=r"to_rgbs\.0\.upsample\.kernel"):
        converted("stylegan2", data)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_file_of_another_layout_says_which(converted, layout):
    for other in set(LAYOUTS) - {layout}:
        with pytest.raises(PackMismatch, match=rf"read as {layout}\) is of another kind, {other}"):
            converted(layout, FILES[other])


def test_an_unknown_layout(tmp_path):
    with pytest.raises(PackMismatch, match="no layout"):
        convert("stylegan4", tmp_path / "x.pt")
