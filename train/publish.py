"""Training's packs on the Hub, now and then and at the end, whatever becomes of the network.

A push is a process of its own, `python -m train.export --run DIR --push-to-hub REPO`: it reads the
checkpoint that the stage has just written, so training neither waits for an upload nor is touched
by it (random numbers, memory, a connection that hangs), and what a person runs later to push by
hand is the same command.
"""

import os
import subprocess
import sys
from pathlib import Path

from tqdm import tqdm

from stylexfer.errors import HubRefused, HubUnreachable
from stylexfer.packs.hub import open_repo

ROOT = Path(__file__).resolve().parents[1]


class Publisher:
    """Pushes the run in `out` to `repo`; one push at a time."""

    def __init__(self, out: Path, repo: str, private: bool):
        """HubRefused if the Hub answers that it will not take it; a Hub that cannot be reached
        is only told of, for it may be there later."""
        self.out, self.repo = out, repo
        self.options = ["--private"] if private else []
        self.process: subprocess.Popen | None = None
        self.step = self.pushed = None  # of the push under way; of the last that arrived
        try:
            open_repo(repo, private=private)
        except HubUnreachable as problem:
            tqdm.write(f"{problem} Training goes on, and tries again at its next push.", sys.stderr)

    @property
    def words(self) -> list[str]:
        """The command that pushes the run."""
        words = ["train.export", "--run", str(self.out), "--out", str(self.out / "pack")]
        return ["-m", *words, "--push-to-hub", self.repo, *self.options]

    def start(self, step: int) -> None:
        """Push the checkpoint of `step`, which was just written, unless a push is under way."""
        self.watch()
        if self.process is not None:
            tqdm.write(
                f"step {step} is not pushed: the push of step {self.step} is still under way; "
                "give a larger --push-every.",
                sys.stderr,
            )
            return
        self.step = step
        paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
        with (self.out / "push.log").open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, *self.words], stdout=log, stderr=log, env=environment
            )

    def watch(self) -> None:
        """Tell how the push under way ended, if it did."""
        if self.process is None or self.process.poll() is None:
            return
        if problem := self._end():
            tqdm.write(
                f"step {self.step} was not pushed: {problem} Training goes on, and tries again at "
                "its next push.",
                sys.stderr,
            )
        else:
            tqdm.write(f"step {self.step} pushed: {self._last_line()}", sys.stderr)

    def _end(self) -> str | None:
        """What went wrong with the push that has ended."""
        failed, self.process = self.process.wait() != 0, None
        if not failed:
            self.pushed = self.step
        return self._last_line() if failed else None

    def _last_line(self) -> str:
        lines = (self.out / "push.log").read_text(errors="replace").splitlines()
        return lines[-1] if lines else f"see {self.out / 'push.log'}."

    def finish(self, step: int) -> None:
        """Push the end of the run, and wait for it. HubRefused, with the command for later."""
        if self.process is not None and self.step != step:  # of older weights
            self.process.terminate()
            self.process.wait()
            self.process = None
        if self.pushed == step:
            return
        if self.process is None:
            self.start(step)
        if problem := self._end():
            raise HubRefused(
                f"{problem} The run itself is whole in {self.out}. Push it later with: python "
                + " ".join(self.words)
            )
        tqdm.write(f"step {step} pushed: {self._last_line()}", sys.stderr)
