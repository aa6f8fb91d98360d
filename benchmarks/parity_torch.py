"""PyTorch's side of the parity check: torchvision's networks, and their answers."""

import itertools

import parity_case as case
import torch
import torchvision

REACH = 0.5  # how far ``settled_weights`` looks for a gap


def build(name, dtype, state_dict=None):
    """torchvision's network with the weights in ``state_dict``, or with ``parity_case``'s."""
    network = getattr(torchvision.models, name)(num_classes=case.CLASSES)
    own = network.state_dict()
    if state_dict is None:
        shapes = {key: tuple(own[key].shape) for key in own if own[key].is_floating_point()}
        made = {key: torch.from_numpy(array) for key, array in case.weights(shapes).items()}
        state_dict = own | made
    network.load_state_dict(state_dict)
    return network.to(dtype)


def settled_weights(name, size):
    """The case's weights, moved so that in its training step no ReLU's input is close to zero.

    Among millions of inputs some lie so close to zero that rounding decides on which side. Each
    switches a gradient on or off; a few of them move all gradients by one per cent, PyTorch's own
    too, which would hide a small mistake. So each channel's shift is moved to the widest gap.
    """
    network = build(name, torch.float64)
    stages = (network.layer1, network.layer2, network.layer3, network.layer4)
    norms_before = {network.relu: [network.bn1]} | {
        block.relu: [block.bn1, block.bn2, block.bn3] for stage in stages for block in stage
    }
    hooks = [
        relu.register_forward_pre_hook(_settle(itertools.cycle(norms)))
        for relu, norms in norms_before.items()
    ]
    with torch.no_grad():
        network.train()(_pictures(size, torch.float64))
    for hook in hooks:
        hook.remove()
    shifts = {
        key: value.detach().float() for key, value in network.named_parameters() if "bias" in key
    }
    return build(name, torch.float32).state_dict() | shifts


def _settle(norms):
    """A hook for a ReLU that comes after each of these batch norms in turn."""

    def move(_relu, inputs):
        norm, before = next(norms), inputs[0]
        values = before.transpose(0, 1).flatten(1).sort().values  # one row a channel
        middles = (values[:, 1:] + values[:, :-1]) / 2
        gaps = (values[:, 1:] - values[:, :-1]) * (middles.abs() < REACH)
        middle = middles.gather(1, gaps.argmax(1, keepdim=True))[:, 0]
        shift = (norm.bias - middle).half().double()  # 16 bits are enough, and half to record
        after = before + (shift - norm.bias)[:, None, None]
        norm.bias.copy_(shift)
        return after

    return move


def answers(network, size):
    """As ``parity_case.keras_answers``."""
    running = {key: buffer for key, buffer in network.named_buffers() if buffer.is_floating_point()}
    before = {key: buffer.clone() for key, buffer in running.items()}
    pictures = _pictures(size, network.fc.weight.dtype)
    with torch.no_grad():
        logits = network.eval()(pictures)
    labels = torch.from_numpy(case.labels())
    loss = torch.nn.functional.cross_entropy(network.train()(pictures), labels)
    loss.backward()
    found = {"logits": logits, "loss": loss}
    found |= {f"gradient of {key}": weight.grad for key, weight in network.named_parameters()}
    found |= {f"change of {key}": buffer - before[key] for key, buffer in running.items()}
    return {name: answer.detach().numpy().astype("float64") for name, answer in found.items()}


def _pictures(size, dtype):
    return torch.from_numpy(case.images(size)).permute(0, 3, 1, 2).to(dtype)
