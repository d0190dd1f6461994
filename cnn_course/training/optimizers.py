"""Muon: steps of momentum whose matrices are made orthogonal (Jordan 2024, kellerjordan.github.io/posts/muon); and lookahead."""

import torch
from torch import nn

from cnn_course.training.device import precision

BIAS_LR, HEAD_LR = 0.053, 0.67  # for the sum of the losses in a batch, by its author's code
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # steepest at zero, where the smallest singular values are


def polynomial(values, steps: int, coefficients: tuple[float, float, float] = NEWTON_SCHULZ):
    """a s + b s^3 + c s^5, applied so many times: what becomes of singular values s, an array or a number."""
    a, b, c = coefficients
    for _ in range(steps):
        values = a * values + b * values**3 + c * values**5
    return values


def orthogonalized(matrix: torch.Tensor, steps: int = 3, dtype: torch.dtype | None = None) -> torch.Tensor:
    """A matrix (m, n) with the singular vectors of `matrix`, its singular values pushed towards 1; computed in `dtype`.

    Each step applies to every singular value s, at most 1, the polynomial a*s + b*s^3 + c*s^5, by products of matrices alone;
    after five steps all that were above 0.01 lie between 0.68 and 1.14, and there they stay.
    """
    a, b, c = NEWTON_SCHULZ
    tall = matrix.shape[0] > matrix.shape[1]
    x = ((matrix.T if tall else matrix) / (matrix.norm() + 1e-7)).to(dtype or matrix.dtype)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.T if tall else x).to(matrix.dtype)


class Muon(torch.optim.Optimizer):
    """Momentum, with Nesterov's look ahead; in groups with `orthogonal` each step is `orthogonalized`, as a matrix of a row an
    output channel.

    Before a step such weights are scaled to rows of length 1 in the mean, so that the rate alone says how far they turn.
    """

    def __init__(self, groups: list[dict]):
        super().__init__(groups, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.0, "nesterov": True, "orthogonal": False})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                gradient = p.grad.add(p, alpha=group["weight_decay"])
                if "momentum" not in self.state[p]:
                    self.state[p]["momentum"] = torch.zeros_like(p)
                momentum = self.state[p]["momentum"]
                momentum.mul_(group["momentum"]).add_(gradient)
                update = gradient.add(momentum, alpha=group["momentum"]) if group["nesterov"] else momentum
                if group["orthogonal"]:
                    p.mul_(len(p) ** 0.5 / p.norm().clamp(min=1e-12))  # filters that begin at zero stay there at first
                    update = orthogonalized(update.flatten(1), dtype=precision(p.device)).view_as(p)
                p.sub_(update, alpha=group["lr"])


def muon(
    net: nn.Module, recipe, batch_size: int, bias_lr: float = BIAS_LR, head_lr: float = HEAD_LR, orthogonal: bool = True,
    filter_decay: float = 0.0
) -> Muon:  # fmt: skip
    """The optimizer of a recipe: filters by orthogonal steps of the recipe's rate and momentum, all else by ordinary ones.

    bias_lr, head_lr: the rates of biases and of the dense layer; they, their momentum of 0.85 and the recipe's weight decay
    are those of its author's code, for the sum of the losses in a batch and for one image. filter_decay: that of filters, which
    orthogonal steps do not need. Without `orthogonal` filters get ordinary steps too.
    """
    trained = [p for p in net.parameters() if p.requires_grad]
    filters = {"params": [p for p in trained if p.ndim > 2], "lr": recipe.lr or 0.24, "momentum": recipe.momentum}
    filters |= {"orthogonal": orthogonal, "nesterov": recipe.nesterov, "weight_decay": filter_decay}
    groups = [filters]
    for dimensions, rate in ((1, bias_lr), (2, head_lr)):
        params = [p for p in trained if max(p.ndim, 1) == dimensions]  # a single number is a bias
        groups.append({"params": params, "lr": rate * batch_size, "momentum": 0.85, "weight_decay": recipe.weight_decay / rate})
    return Muon([group for group in groups if group["params"]])


class Lookahead:
    """Every five steps the weights are set back to a mean of those before, which itself has moved towards them.

    The mean is slow to move in the end and counts alone after the last step (Zhang et al. 2019, arXiv 1907.08610, with the
    schedule of arXiv 2404.00498, section 3.4).
    """

    def __init__(self, net: nn.Module, steps: int):
        self.net, self.steps, self.step = net, steps, 0
        self.slow = {name: value.clone() for name, value in self._values()}

    def _values(self):
        return [(name, value) for name, value in self.net.state_dict().items() if value.is_floating_point()]

    def after_step(self) -> None:
        self.step += 1
        if self.step % 5 == 0 or self.step == self.steps:
            keeps = 0.95**5 * (self.step / self.steps) ** 3 if self.step < self.steps else 1.0
            for name, value in self._values():
                value.copy_(self.slow[name].lerp_(value, 1 - keeps))

    def state_dict(self) -> dict:
        return {"step": self.step, "slow": self.slow}

    def load_state_dict(self, state: dict) -> None:
        self.step = state["step"]
        for name, value in state["slow"].items():
            self.slow[name].copy_(value)  # which stays on the network's device
