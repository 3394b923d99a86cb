"""Packs from small files in the released layouts, and the table of the released ones."""

import hashlib
import json
import re
from pathlib import Path

import huggingface_hub.constants
import pytest
import torch
from safetensors.torch import load_file

from stylexfer.baseline import load_model
from stylexfer.errors import PackMismatch, PackNotFound
from stylexfer.packs import load_component, load_pack, pack, verify_pack
from stylexfer.packs.build import DTYPES, build_pack, terms_text
from stylexfer.packs.convert import LAYOUTS, convert
from stylexfer.packs.originals import recipe
from tests.hub_server import running_hub
from tests.packs.released import tiny_files

LAYOUT_OF = {option: source.layout for option, source in recipe("ffhq").items()}
ALL = [*LAYOUT_OF]
GIVES = {name for source in recipe("ffhq").values() for name in source.gives.values()}


@pytest.fixture(scope="module")
def originals(tmp_path_factory) -> dict[str, str]:
    """A small released file for every option."""
    folder, files = tmp_path_factory.mktemp("originals"), tiny_files()
    for option, layout in LAYOUT_OF.items():
        content = files["restyle e4e" if option == "restyle-e4e" else layout]
        torch.save(content, folder / f"{option}.pt")
    return {option: str(folder / f"{option}.pt") for option in LAYOUT_OF}


@pytest.fixture
def make(originals, tmp_path):
    """make(options...) -> (manifest, folder, what was said)."""

    def build(*options: str, out: str = "pack", dtype: str = "bf16", **changed: str):
        given = {option: changed.get(option, originals[option]) for option in options}
        said: list[str] = []
        folder = tmp_path / out
        made = build_pack("ffhq", recipe("ffhq"), given, folder, DTYPES[dtype], said.append)
        return made, folder, said

    return build


def test_everything_at_once(make, originals):
    manifest, folder, _ = make(*ALL)
    assert json.loads(json.dumps(manifest)) == verify_pack(folder)
    held = {Path(name).stem for name in manifest["files"]}
    assert held == GIVES
    assert pack.methods(manifest) == ["transfer", "psp", "e4e"]
    for name in held:
        load_component(folder, name)
    for method in pack.METHODS:
        assert load_pack(folder, method).method == method
    assert load_pack(folder, "e4e").identity_encoder.config.heads == "e4e"
    for option, facts in manifest["originals"].items():
        content = Path(originals[option]).read_bytes()
        assert facts["sha256"] == hashlib.sha256(content).hexdigest()
        assert facts["bytes"] == len(content)
        assert not facts["known"]
    for facts in manifest["files"].values():
        assert facts["licence"] and facts["origin"] and facts["original"]["file"]
    assert "3.3 Use Limitation" in (folder / "LICENSE.txt").read_text()
    assert not list(folder.parent.glob(".*"))


def test_unknown_originals_are_named(make):
    _, _, said = make("restyle", "arcface")
    warnings = [line for line in said if line.startswith("WARNING")]
    assert len(warnings) == 2
    assert "none has been published" in warnings[0]
    assert "none of the known ones" in warnings[1]


def test_restyle_alone_serves_the_baseline(make):
    manifest, folder, _ = make("restyle")
    assert pack.methods(manifest) == ["psp"]
    model = load_model(folder, device="cpu")
    assert model.method == "psp"
    assert model.random_identity(1).inversion.shape == (32, 32, 3)
    with pytest.raises(PackMismatch, match="has the networks of psp"):
        load_model(folder, "transfer")


def test_single_precision_is_exact(make, originals):
    _, folder, _ = make("restyle", "transfer", dtype="fp32")
    stored = load_pack(folder)
    for option, names in (
        ("restyle", ("identity_encoder", "generator")), ("transfer", ("motion_encoder", "mapper")),
    ):  # fmt: skip
        parts = convert(LAYOUT_OF[option], originals[option])
        for name in names:
            for key, value in getattr(stored, name).state_dict().items():
                assert torch.equal(value, parts[name].state[key]), key


def test_half_precision_is_for_large_weights_only(make, monkeypatch):
    monkeypatch.setattr("stylexfer.packs.weights.LARGE", 256)
    manifest, folder, _ = make("restyle", "transfer")
    assert manifest["dtype"] == "bfloat16"
    seen = set()
    for name in manifest["files"]:
        network = load_component(folder, Path(name).stem)
        large = {key for key, value in network.named_parameters() if value.numel() > 256}
        for key, value in load_file(folder / name).items():
            if value.is_floating_point():
                assert value.dtype == (torch.bfloat16 if key in large else torch.float32), key
                seen.add(value.dtype)
    assert len(seen) == 2
    # and stay so in memory, where bf16 is computed in
    low = load_pack(folder, dtype=torch.bfloat16)
    assert low.mapper.linear.weight.dtype == torch.bfloat16
    assert low.generator.latent_avg.dtype == torch.float32
    assert load_pack(folder).mapper.linear.weight.dtype == torch.float32


def test_a_generator_that_does_not_fit_is_named(make, tmp_path):
    content = tiny_files()["stylegan2"]
    content["g_ema"]["convs.0.conv.weight"] += 1
    torch.save(content, tmp_path / "other.pt")
    _, _, said = make("stylegan", "restyle", stylegan=str(tmp_path / "other.pt"))
    assert any("generator inside --restyle is not the one" in line for line in said)
    _, _, said = make("stylegan", "restyle", out="second")
    assert not any("generator inside" in line for line in said)


def test_components_of_two_sizes_are_refused(make, tmp_path):
    content = tiny_files()["paper"]
    for key in list(content["state_dict"]):
        if key == "encoder.linear.weight":
            content["state_dict"][key] = content["state_dict"][key].repeat(2, 1)
    torch.save(content, tmp_path / "wide.pt")
    with pytest.raises(PackMismatch):
        make("restyle", "transfer", transfer=str(tmp_path / "wide.pt"))
    assert not (tmp_path / "pack").exists()


def test_a_build_that_fails_leaves_nothing(make, originals, tmp_path):
    (tmp_path / "cut.pt").write_bytes(Path(originals["transfer"]).read_bytes()[:-1000])
    before = sorted(tmp_path.iterdir())
    with pytest.raises(PackMismatch, match=r"cut\.pt"):
        make("restyle", "transfer", transfer=str(tmp_path / "cut.pt"))
    with pytest.raises(PackMismatch):
        make("restyle", restyle=originals["arcface"])
    with pytest.raises(PackNotFound, match="no file"):
        make("restyle", restyle=str(tmp_path / "absent.pt"))
    assert sorted(tmp_path.iterdir()) == before


def test_a_killed_build_is_no_obstacle(make, tmp_path):
    (tmp_path / ".pack.part").mkdir()
    (tmp_path / ".pack.part" / "generator.safetensors").write_bytes(b"half")
    _, folder, _ = make("restyle")
    verify_pack(folder)
    with pytest.raises(PackMismatch, match="not empty"):
        make("restyle")


def test_what_has_no_mirror_says_where_it_is(make):
    with pytest.raises(PackNotFound, match=r"--restyle is needed.*drive\.google\.com"):
        make("stylegan")
    for option in ("restyle", "transfer"):
        with pytest.raises(PackNotFound, match=r"no known mirror.*drive\.google\.com.*its path"):
            make(*{"restyle", option}, **{option: "hub"})


def test_from_a_mirror(make, originals, monkeypatch, tmp_path):
    """A known file is taken from the Hub, and only if it is that very file."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    content = Path(originals["arcface"]).read_bytes()
    table = json.loads((pack.CHECKPOINTS / "ffhq" / "pack.json").read_text())
    (file,) = table["recipe"]["arcface"]["files"]
    file |= {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    for facts in table["recipe"].values():
        facts["texts"] = []
    (tmp_path / "recipes" / "ffhq").mkdir(parents=True)
    (tmp_path / "recipes" / "ffhq" / "pack.json").write_text(json.dumps(table))
    for module in ("originals", "build", "pack"):
        monkeypatch.setattr(f"stylexfer.packs.{module}.CHECKPOINTS", tmp_path / "recipes")
    mirrors = [(mirror["repo"], mirror["path"]) for mirror in file["mirrors"]]
    with running_hub(monkeypatch) as hub:
        hub.commit(mirrors[0][0], {mirrors[0][1]: b"another file"})
        hub.commit(mirrors[1][0], {mirrors[1][1]: content})
        given = {"restyle": originals["restyle"], "arcface": "hub"}
        said: list[str] = []
        made = build_pack("ffhq", recipe("ffhq"), given, tmp_path / "p", say=said.append)
        assert made["originals"]["arcface"]["known"]
        assert sum("WARNING" in line for line in said) == 1  # ReStyle's
        hub.repos.clear()
        hub.commit(mirrors[0][0], {mirrors[0][1]: b"another file"})
        huggingface_hub.constants.HF_HUB_CACHE = str(tmp_path / "other")
        with pytest.raises(PackNotFound, match=r"serves another file.*drive\.google\.com"):
            build_pack("ffhq", recipe("ffhq"), given, tmp_path / "q")


def test_the_table_of_released_files():
    sources = recipe("ffhq")
    assert {source.layout for source in sources.values()} == set(LAYOUTS)
    for source in sources.values():
        assert source.licence and source.terms and source.files
        assert all(path.is_file() for path in source.texts)
        for file in source.files:
            assert file.sha256 is None or re.fullmatch("[0-9a-f]{64}", file.sha256)
            assert file.source or file.mirrors
            for mirror in file.mirrors:
                assert mirror.confidence in "AB"
                assert mirror.type in ("model", "space")
    known = [file.sha256 for source in sources.values() for file in source.files if file.sha256]
    assert len(known) == len(set(known)) >= 10
    assert "research or evaluation" in terms_text([sources["stylegan"]])
    with pytest.raises(PackNotFound, match="ffhq"):
        recipe("nothing")
    with pytest.raises(PackNotFound, match="pack build ffhq"):
        load_pack(pack.CHECKPOINTS / "ffhq")
