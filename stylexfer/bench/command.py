"""`python -m stylexfer bench`: a table for people, and JSON as the last line."""

import argparse
import importlib.util
import json
import platform
import tempfile
from pathlib import Path

import torch

from stylexfer import __version__
from stylexfer.bench.grouped import compared, generator_of
from stylexfer.bench.model import compiled_cost, identify_cost, sweep, untrained_pack
from stylexfer.bench.timing import Cost, peak_gpu_mb, peak_mb
from stylexfer.coder import Coder
from stylexfer.packs import Pack, default_pack, load_pack
from stylexfer.packs.pack import MANIFEST, sha256
from stylexfer.tensors import DTYPES, fast_dtype, usable_device

KEYS = (  # of the JSON, in this order; null where something is not here, dlib say
    *("stylexfer", "pack", "pack_sha256", "size", "device", "dtype", "threads", "torch", "python"),
    *("identify_s", "identify_first_s", "identify_model_s", "first_picture_s"),
    *("model_fps", "crop_fps", "video_fps", "live_fps", "live_latency_ms", "live_latency_p95_ms"),
    *("stages", "batches", "clips", "peak_mb", "peak_gpu_mb"),
    *("grouped_ratio_256", "grouped_ratio_1024", "grouped", "compiled", "endurance"),
)


def device_name(device: torch.device) -> str:
    """As its maker calls it, as far as it says so."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    models = []
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    name = models[0] if models else platform.processor() or platform.machine()
    return f"{device.type}: {len(models) or '?'} x {name}"


def opened(args: argparse.Namespace, dtype: torch.dtype) -> tuple[Pack, str | None]:
    """The pack, and the sha256 of its pack.json."""
    if args.untrained:
        return untrained_pack(args.untrained), None
    from stylexfer.packs.hub import locate_pack

    folder = locate_pack(args.pack, "transfer")
    return load_pack(folder, "transfer", dtype), sha256(folder / MANIFEST)


def print_costs(title: str, costs: dict[str, Cost]) -> None:
    """A row for each."""
    print(f"\n{title:<28}{'ms':>10}{'CPU ms':>10}")
    for name, cost in costs.items():
        print(f"  {name:<26}{cost.wall:>10.2f}{cost.cpu:>10.2f}")


def rounded(costs: dict[str, Cost]) -> dict[str, list[float]]:
    """For the JSON: [milliseconds, CPU milliseconds]."""
    return {name: [round(c.wall, 3), round(c.cpu, 3)] for name, c in costs.items()}


def bench_networks(args: argparse.Namespace, coder: Coder, runs: int, found: dict) -> float:
    """The networks alone, by batch size; frames a second of the best."""
    batches = (1, 4) if args.quick else (1, 2, 4, 8)
    if coder.device.type == "cuda" and not args.quick:
        batches += (16, 32)
    name = str(coder.dtype).removeprefix("torch.")
    costs = sweep(coder, batches, runs)
    for batch, parts in costs.items():
        print_costs(f"networks, {name}, batch {batch}", parts)
    found["batches"][name] = {batch: rounded(parts) for batch, parts in costs.items()}
    return round(1e3 / min(parts["all"].wall for parts in costs.values()), 2)


def bench_identity(main: Coder, runs: int, found: dict) -> None:
    """The networks alone, of one crop."""
    first, warm = identify_cost(main, runs)
    found["identify_model_s"] = round(warm.wall / 1e3, 4)
    print_costs("networks, one identity", {"first time": first, "warm": warm})


def bench_grouped(args: argparse.Namespace, main: Coder, runs: int, found: dict) -> None:
    """The plain form of the generator, with the same weights."""
    print("\nagainst the plain form, one group a sample (ms a picture, then CPU ms)")
    own = main.pack.generator
    dtypes = {torch.float32, main.dtype} if not (args.quick or args.dtype) else {main.dtype}
    for size in (256, 1024):
        generator = own if own.config.size == size else generator_of(size)
        on_cpu = main.device.type == "cpu"
        batch = 2 if on_cpu and size == 1024 else 8
        batch = max(1, batch // 2) if args.quick else batch
        for dtype in sorted(dtypes, key=lambda d: d != main.dtype):
            few = 1 if args.quick else 2
            row = compared(generator, dtype, main.device, batch, runs if size < 1024 else few)
            found["grouped"].append(row)
            print(
                "  {size} px {dtype}, batch {batch}: {fast_ms} {grouped_ms} x{ratio}".format(**row)
            )
            if dtype == main.dtype:
                found[f"grouped_ratio_{size}"] = row["ratio"]


def bench_clips(args: argparse.Namespace, main: Coder, runs: int, found: dict) -> None:
    """Pictures and clips, from file to file, and live."""
    from stylexfer.bench.video import (
        from_file_to_file,
        identified,
        in_memory,
        own_clip,
        stage_costs,
    )
    from stylexfer.endurance import endurance
    from stylexfer.transfer import FaceTransfer

    model = FaceTransfer(main.pack, main.device, main.dtype)
    person, first, warm, picture = identified(model, runs)
    found["identify_first_s"] = round(first.wall / 1e3, 3)
    found["identify_s"] = round(warm.wall / 1e3, 3)
    found["first_picture_s"] = round(picture.wall / 1e3, 3)
    rows = {"identify, first time": first, "identify, warm": warm, "first picture, warm": picture}
    print_costs("one picture", rows)
    with tempfile.TemporaryDirectory(prefix="stylexfer-bench-") as name:
        folder = Path(name)
        clip = own_clip(folder / "own.mp4", 2.0 if args.quick else 10.0)
        costs = stage_costs(model, person, clip, folder)
        found["stages"] = rounded(costs)
        print_costs("a frame of 640x480, stages", costs)
        memory = in_memory(model, person, clip)
        found["crop_fps"] = round(1e3 / memory.wall, 2)
        totals = {"track, crop, networks": memory}
        for path in (clip, *map(Path, args.clip)):
            frames, cost = from_file_to_file(model, person, path, folder)
            fps = round(1e3 / cost.wall, 2)
            totals[f"{path.name}, {frames} frames"] = cost
            if path is clip:
                found["video_fps"] = fps
            else:
                found["clips"][path.name] = {"video_fps": fps, "cpu_ms": round(cost.cpu, 2)}
        print_costs("a frame, all stages at once", totals)
        if args.minutes:
            found["endurance"] = endurance(model, person, clip, args.minutes, folder / "long")
            print(f"\n{args.minutes:g} minutes: {found['endurance']}")
    try:
        from stylexfer.ui.live_bench import live_bench
    except ImportError as missing:
        print(f"\nno live runs here: {missing}")
        return
    live = live_bench(model, seconds=2.0 if args.quick else 10.0)
    found.update(live)
    print("\nlive, one visitor: " + ", ".join(f"{k} {v}" for k, v in live.items()))


def bench(args: argparse.Namespace) -> int:
    """How fast it is here: identify and animate, stage by stage and from file to file."""
    device = usable_device(args.device)
    dtype = DTYPES[args.dtype] if args.dtype else fast_dtype(device)
    if args.threads:
        torch.set_num_threads(args.threads)
    runs = 2 if args.quick else 5
    pack, digest = opened(args, dtype)
    found = dict.fromkeys(KEYS) | {"batches": {}, "clips": {}, "grouped": []}
    found |= {
        "stylexfer": __version__,
        "pack": f"{pack.info.get('name')} {pack.info.get('version')}",
        "pack_sha256": digest,
        "size": pack.generator.config.size,
        "device": device_name(device),
        "dtype": str(dtype).removeprefix("torch."),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }
    about = [f"{key} {found[key]}" for key in KEYS[:9] if found[key] is not None]
    print(", ".join(about))
    main = Coder(pack, device, dtype)
    bench_identity(main, runs, found)
    found["model_fps"] = bench_networks(args, main, runs, found)
    if args.untrained:
        print("\nuntrained: the networks only")
    elif importlib.util.find_spec("dlib") is None:
        print("\nno dlib here: the networks only")
    else:
        bench_clips(args, main, runs, found)
    found["peak_mb"], gpu = round(peak_mb(), 1), peak_gpu_mb(device)
    found["peak_gpu_mb"] = gpu and round(gpu, 1)
    print(f"\npeak memory {found['peak_mb']:.0f} MB" + (f", GPU {gpu:.0f} MB" if gpu else ""))
    if not (args.quick or args.dtype):
        for other in DTYPES.values():
            # fp16 is emulated on the CPU, and has no use there
            if other != dtype and (other != torch.float16 or device.type != "cpu"):
                coder = Coder(opened(args, other)[0], device, other)
                bench_networks(args, coder, runs, found)
                del coder
    bench_grouped(args, main, runs, found)
    if args.compile:
        first, later = compiled_cost(main, main.batch_size, runs)
        found["compiled"] = {"first_s": round(first.wall / 1e3, 1), "ms": round(later.wall, 2)}
        print_costs("G, torch.compile", {"the first call": first, "then, a picture": later})
    print()
    print(json.dumps(found))
    return 0


def bench_arguments(parser: argparse.ArgumentParser) -> None:
    """What `bench` takes."""
    parser.add_argument("--pack", default=default_pack(), help="name, folder or Hub id")
    parser.add_argument(
        "--untrained",
        type=int,
        choices=(64, 128, 256, 512, 1024),
        help="instead: the released architecture at this size, with random weights",
    )
    parser.add_argument("--device", help="cpu, cuda, mps (the GPU if there is one)")
    parser.add_argument(
        "--dtype", choices=tuple(DTYPES), help="only this precision (all, the device's own first)"
    )
    parser.add_argument("--threads", type=int, help="of torch on the CPU (its own choice)")
    parser.add_argument("--quick", action="store_true", help="a minute, for a first look")
    parser.add_argument("--clip", action="append", default=[], help="also this clip; repeatable")
    parser.add_argument(
        "--minutes", type=float, default=0.0, help="also a clip of so many minutes (endurance)"
    )
    parser.add_argument(
        "--compile", action="store_true", help="also G through torch.compile (minutes on a CPU)"
    )
    parser.set_defaults(run=bench)


def add_bench_command(commands) -> None:
    """`bench`, among the commands of `python -m stylexfer`."""
    bench_arguments(commands.add_parser("bench", help=bench.__doc__))
