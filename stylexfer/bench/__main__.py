"""`python -m stylexfer.bench`: the same as `python -m stylexfer bench`, and without dlib and ffmpeg,
where the networks alone are timed."""

import argparse
import sys

from stylexfer.bench.command import bench, bench_arguments
from stylexfer.errors import StylexferError

parser = argparse.ArgumentParser(prog="python -m stylexfer.bench", description=bench.__doc__)
bench_arguments(parser)
try:
    sys.exit(bench(parser.parse_args()))
except StylexferError as problem:
    print(f"stylexfer: {problem}", file=sys.stderr)
    sys.exit(2)
