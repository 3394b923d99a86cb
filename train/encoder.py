"""The identity encoder E_i as the inversion stage starts it: untrained, or of a trained one."""

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor, nn

from stylexfer.networks import Generator, IRSEConfig, ReStyleConfig, ReStyleEncoder
from train.config import ConfigError
from train.layers import start_trunk
from train.origins import find


def fresh_encoder(config: Mapping, generator: Generator, mean: Tensor) -> ReStyleEncoder:
    """E_i untrained, from the code of `mean` `[style_dim]`. ConfigError."""
    if config["encoder"] is None:
        raise ConfigError("encoder: give the numbers of E_i, or start from a trained one.")
    numbers = {**config["encoder"], "trunk": IRSEConfig(**config["encoder"]["trunk"])}
    rows = (generator.n_styles, generator.config.style_dim)
    encoder = ReStyleEncoder(ReStyleConfig(*rows, **numbers))
    for head in encoder.styles:  # the first guesses stay near the average
        nn.init.normal_(head.linear.weight, std=0.3)
    encoder.latent_avg.copy_(mean.expand_as(encoder.latent_avg))
    if config["trunk"]:
        start_trunk(encoder, find(config["trunk"], "recognition"))
    return encoder


def trained_encoder(config: Mapping, generator: Generator) -> ReStyleEncoder:
    """E_i of `start`, to be trained on; one of pSp becomes one of e4e that does the same but in
    every row, if `encoder` says e4e. ConfigError if it is for another generator."""
    path, heads = config["start"], (config["encoder"] or {}).get("heads")
    encoder = find(path, "identity_encoder")
    rows = (encoder.config.n_styles, encoder.config.style_dim)
    if rows != (generator.n_styles, generator.config.style_dim):
        raise ConfigError(f"start: {path} is for another size of generator.")
    if heads == "e4e" != encoder.config.heads:
        other = ReStyleEncoder(replace(encoder.config, heads=heads))
        other.load_state_dict(encoder.state_dict())
        for head in other.styles[1:]:  # now the distance of a row from the first
            nn.init.zeros_(head.linear.weight)
            nn.init.zeros_(head.linear.bias)
        encoder = other
    return encoder.train().requires_grad_(True)
