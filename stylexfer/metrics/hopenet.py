"""Head pose in degrees by Hopenet, as the paper measures it, where a pack holds its weights."""

import numpy as np
import torch

from stylexfer.networks import HeadPose, head_pose_view
from stylexfer.tensors import to_tensor


@torch.inference_mode()
def hopenet_pose(network: HeadPose, images: list[np.ndarray]) -> np.ndarray:
    """Yaw, pitch and roll in degrees, float64 `[B, 3]`, of FFHQ-aligned uint8 pictures of one side."""
    device = next(network.parameters()).device
    views = head_pose_view(to_tensor(images).to(device), network.config.input_size)
    return network(views).double().cpu().numpy()
