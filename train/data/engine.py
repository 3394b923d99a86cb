"""Who calls a function for each of many numbers: processes of this machine, or a Ray cluster.

Both give the results as they come, and hold only a few calls for each worker at a time.
"""

import multiprocessing
import os
import signal
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

from train.heads.corpus import CorpusError

AHEAD = 4  # calls in flight for each worker
# one process a core: libraries that start a thread a core in each would only wait for each other
ONE_THREAD = {k: "1" for k in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
_REPOSITORY = Path(__file__).resolve().parents[2]
_KILLED = (
    "A worker was killed, perhaps for want of memory: run the same command again, with fewer "
    "--workers."
)

Call = Callable[[int], dict]


def cores() -> int:
    """Those that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_calls: list[Call] = []  # of this process, a worker


def _start_worker(call: Call) -> None:
    _calls.append(call)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends the run
    parent = multiprocessing.parent_process()

    def end_with_parent():
        parent.join()
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()


def _call(number: int) -> dict:
    return _calls[0](number)


def run_local(call: Call, numbers: Iterable[int], workers: int | None) -> Iterator[dict]:
    """In `workers` processes (None: one a core). CorpusError if one of them is killed."""
    workers = workers or cores()
    numbers = iter(numbers)
    os.environ.update(ONE_THREAD)  # read by the libraries when a worker starts
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, _start_worker, (call,))
    try:
        waiting = {pool.submit(_call, n) for n in islice(numbers, AHEAD * workers)}
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            waiting |= {pool.submit(_call, n) for n in islice(numbers, len(done))}
            for future in done:
                yield future.result()
    except BrokenProcessPool as error:
        raise CorpusError(_KILLED) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _apply(call: Call, number: int) -> dict:
    return call(number)


def run_on_ray(call: Call, numbers: Iterable[int], workers: int | None) -> Iterator[dict]:
    """As tasks of a core each on the cluster of RAY_ADDRESS; without that, on a Ray of our own.

    On a cluster this repository and the folders of the call must have the same path on each node.
    workers: cores of our own Ray (None: all); on a cluster, for how many cores tasks wait in line.
    Raises what a call raises, and CorpusError if a worker is killed again and again.
    """
    try:
        import ray
    except ImportError as error:
        raise CorpusError('--engine ray needs Ray: pip install "ray>=2.50,<3".') from error
    environment = {"env_vars": {**ONE_THREAD, "PYTHONPATH": str(_REPOSITORY)}}
    options = {"runtime_env": environment, "log_to_driver": False, "logging_level": "error"}
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    with ExitStack() as stack:
        if os.environ.get("RAY_ADDRESS"):
            ray.init(**options)
        else:
            # its sockets lie there too, and their paths must be short
            place = tempfile.TemporaryDirectory(
                dir="/tmp" if Path("/tmp").is_dir() else None, ignore_cleanup_errors=True
            )
            options |= {"address": "local", "num_cpus": workers or cores()}
            # nothing but a few counts goes through its store
            options |= {"include_dashboard": False, "object_store_memory": 100 * 2**20}
            ray.init(_temp_dir=stack.enter_context(place), **options)
        stack.callback(ray.shutdown)
        task = ray.remote(num_cpus=1, max_retries=3)(_apply)
        held = ray.put(call)
        numbers = iter(numbers)
        size = AHEAD * (workers or int(ray.cluster_resources()["CPU"]))
        waiting = [task.remote(held, n) for n in islice(numbers, size)]
        while waiting:
            done, waiting = ray.wait(waiting)
            waiting += [task.remote(held, n) for n in islice(numbers, len(done))]
            try:
                results = ray.get(done)
            except ray.exceptions.RayTaskError as error:
                raise error.cause from error  # `as_instanceof_cause` forgets an OSError's file
            except ray.exceptions.RayError as error:
                raise CorpusError(_KILLED) from error
            yield from results


ENGINES = {"local": run_local, "ray": run_on_ray}
