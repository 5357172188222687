"""The training step of bench/training.ts in PyTorch: MLP 784-256-256-10, batch 128, cross-entropy, AdamW;
weights LSQ per output channel and activations LSQ per tensor at 4 bits, by PyTorch's own learnable
fake-quantize operators (its fastest way to do LSQ; an autograd.Function is slower).

Reads {"threads", "quantized", "steps"} line by line, answers {"ms": [one per step]}.
"""

import json
import sys
import time

import torch

SIZES = [784, 256, 256, 10]
BATCH = 128


class Net(torch.nn.Module):
    def __init__(self, quantized):
        super().__init__()
        self.quantized = quantized
        self.layers = torch.nn.ModuleList(
            torch.nn.Linear(SIZES[i], SIZES[i + 1]) for i in range(len(SIZES) - 1)
        )
        if not quantized:
            return
        self.weight_scales = torch.nn.ParameterList(
            torch.nn.Parameter((2 * layer.weight.abs().mean(1) / 7**0.5).detach()) for layer in self.layers
        )
        self.activation_scales = torch.nn.ParameterList(
            torch.nn.Parameter(torch.tensor([0.3])) for _ in self.layers
        )
        self.weight_zeros = [torch.zeros(layer.out_features) for layer in self.layers]
        self.activation_zero = torch.zeros(1)

    def quantize(self, i, x, weight):
        low, high = (-8, 7) if i == 0 else (0, 15)  # unsigned after ReLU
        x = torch._fake_quantize_learnable_per_tensor_affine(
            x, self.activation_scales[i], self.activation_zero, low, high, 1 / (x.shape[1] * high) ** 0.5
        )
        weight = torch._fake_quantize_learnable_per_channel_affine(
            weight, self.weight_scales[i], self.weight_zeros[i], 0, -8, 7, 1 / (weight.shape[1] * 7) ** 0.5
        )
        return x, weight

    def forward(self, x):
        for i, layer in enumerate(self.layers):
            weight = layer.weight
            if self.quantized:
                x, weight = self.quantize(i, x, weight)
            x = torch.nn.functional.linear(x, weight, layer.bias)
            if i + 1 < len(self.layers):
                x = torch.relu(x)
        return x


class Training:
    def __init__(self, quantized):
        torch.manual_seed(1)
        self.net = Net(quantized)
        self.optimizer = torch.optim.AdamW(self.net.parameters(), lr=1e-4, weight_decay=0.01, foreach=True)
        self.x = torch.randn(64 * BATCH, SIZES[0])
        self.labels = torch.randint(0, SIZES[-1], (64 * BATCH,))
        self.at = 0

    def step(self):
        first = self.at * BATCH
        self.at = (self.at + 1) % 64
        x = self.x[first : first + BATCH]
        labels = self.labels[first : first + BATCH]
        self.optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(self.net(x), labels)
        loss.backward()
        self.optimizer.step()


def main():
    trainings = {quantized: Training(quantized) for quantized in (False, True)}
    print(json.dumps({"version": torch.__version__}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        torch.set_num_threads(request["threads"])
        training = trainings[request["quantized"]]
        for _ in range(3):
            training.step()
        times = []
        for _ in range(request["steps"]):
            start = time.perf_counter()
            training.step()
            times.append((time.perf_counter() - start) * 1e3)
        print(json.dumps({"ms": times}), flush=True)


main()
