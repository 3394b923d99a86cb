"""How close an output is to a picture that is known, as in self-reenactment.

There the first frame of a clip is the identity and the clip drives it, so that each output should
be the driving frame itself. LPIPS, the third measure of it, is `perceptual`.
"""

import numpy as np

from stylexfer.metrics.motion import EYE_CORNERS


def psnr(truth: np.ndarray, output: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB of uint8 `[H, W, 3]` pictures of one size; equal: inf."""
    difference = truth.astype(np.float64) - output.astype(np.float64)
    error = float((difference**2).mean())
    return float(10 * np.log10(255**2 / error)) if error else float("inf")


def landmark_error(truth: np.ndarray, output: np.ndarray) -> np.ndarray:
    """Normalised mean error (NME) in percent: `[..., 68, 2]` twice -> `[...]`; NaN stays NaN.

    The mean distance of the 68 landmarks over the distance of the outer eye corners in `truth`,
    as in 300-W (Sagonas et al. 2013).
    """
    truth, output = np.asarray(truth, np.float64), np.asarray(output, np.float64)
    left, right = EYE_CORNERS
    scale = np.linalg.norm(truth[..., left, :] - truth[..., right, :], axis=-1)
    return 100 * np.linalg.norm(truth - output, axis=-1).mean(axis=-1) / scale
