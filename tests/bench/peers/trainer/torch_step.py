#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tokens a second of the same model in PyTorch, compiled and replayed as one CUDA graph a step.

The model, optimizer and precision are sextant-train's: pre-RMSNorm, rotary positions, SwiGLU, untied head, head
dimension 64, bf16 autocast over fp32 weights, fused AdamW, gradient clip 1. The whole step (forward, backward,
clip, update) is captured in one graph, so no Python runs between kernels.

usage: torch_step.py [--prepare-only] [CONFIG...]      CONFIG = d_model,layers,sequence_length,batch_tokens
Prints one JSON line a configuration. --prepare-only fills the compiler's cache, one process a configuration, so that
the timing run that follows does not wait for compilation.
"""
import json
import subprocess
import sys
import time

import torch
import torch.nn.functional as F

VOCAB = 256
DEFAULT = ["64,3,512,16384", "64,3,512,65536", "128,4,512,16384", "128,4,512,65536", "256,6,512,16384",
           "256,6,512,65536", "384,8,512,16384", "384,8,512,65536", "512,8,512,65536", "768,12,1024,65536",
           "64,3,512,4096", "128,4,512,4096"]


class Norm(torch.nn.Module):
    def __init__(self, d):
        super().__init__()
        self.gain = torch.nn.Parameter(torch.ones(d))

    def forward(self, x):
        return F.rms_norm(x, (x.shape[-1],), self.gain, 1e-6)


class Block(torch.nn.Module):
    def __init__(self, d, hidden):
        super().__init__()
        self.norm1, self.norm2 = Norm(d), Norm(d)
        self.qkv = torch.nn.Linear(d, 3 * d, bias=False)
        self.out = torch.nn.Linear(d, d, bias=False)
        self.gate_up = torch.nn.Linear(d, 2 * hidden, bias=False)
        self.down = torch.nn.Linear(hidden, d, bias=False)

    def forward(self, x, cos, sin):
        b, t, d = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(b, t, 3, d // 64, 64).permute(2, 0, 3, 1, 4)

        def rotate(z):
            low, high = z.chunk(2, -1)
            return torch.cat([low * cos - high * sin, high * cos + low * sin], -1).to(z.dtype)

        y = F.scaled_dot_product_attention(rotate(q), rotate(k), v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(b, t, d))
        gate, up = self.gate_up(self.norm2(x)).chunk(2, -1)
        return x + self.down(F.silu(gate) * up)


class Model(torch.nn.Module):
    def __init__(self, d, layers, length):
        super().__init__()
        hidden = 8 * d // 3 // 64 * 64
        self.embedding = torch.nn.Embedding(VOCAB, d)
        self.blocks = torch.nn.ModuleList(Block(d, hidden) for _ in range(layers))
        self.norm = Norm(d)
        self.head = torch.nn.Linear(d, VOCAB, bias=False)
        angle = torch.arange(length)[:, None] * 10000.0 ** (-torch.arange(32) / 32.0)
        self.register_buffer("cos", angle.cos())
        self.register_buffer("sin", angle.sin())

    def forward(self, tokens, targets):
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x, self.cos, self.sin)
        return F.cross_entropy(self.head(self.norm(x)).flatten(0, 1).float(), targets.flatten())


def build(config):
    d, layers, length, batch = config
    torch.manual_seed(1)
    model = Model(d, layers, length).cuda()
    for p in model.parameters():
        if p.dim() == 2:
            torch.nn.init.normal_(p, std=0.02)
    optimizer = torch.optim.AdamW(model.parameters(), lr=torch.tensor(1e-3, device="cuda"), betas=(0.9, 0.95),
                                  weight_decay=0.1, fused=True, capturable=True)
    tokens = torch.randint(0, VOCAB, (batch // length, length + 1), device="cuda")
    inputs, targets = tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()
    compiled = torch.compile(model, dynamic=False)

    def step():
        with torch.autocast("cuda", dtype=torch.bfloat16, cache_enabled=False):
            loss = compiled(inputs, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0, foreach=True)
        optimizer.step()
        return loss

    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        for _ in range(3):
            optimizer.zero_grad(set_to_none=True)
            step()
    torch.cuda.synchronize()
    return step, optimizer, stream


def measure(config):
    d, layers, length, batch = config
    torch._dynamo.reset()
    step, optimizer, stream = build(config)
    graph = torch.cuda.CUDAGraph()
    optimizer.zero_grad(set_to_none=True)
    with torch.cuda.graph(graph, stream=stream):
        step()
    for _ in range(20):
        graph.replay()
    torch.cuda.synchronize()
    begin, steps = time.perf_counter(), 0
    while time.perf_counter() - begin < 1.0:
        for _ in range(20):
            graph.replay()
        torch.cuda.synchronize()
        steps += 20
    rate = steps * batch / (time.perf_counter() - begin)
    print(json.dumps({"torch": torch.__version__, "d_model": d, "layers": layers, "sequence_length": length,
                      "batch_size_tokens": batch, "tokens_per_second": round(rate)}), flush=True)


def main():
    arguments = [a for a in sys.argv[1:] if not a.startswith("--")] or DEFAULT
    torch.set_float32_matmul_precision("high")
    if "--prepare-only" in sys.argv:
        if len(arguments) == 1:
            build(tuple(int(v) for v in arguments[0].split(",")))
            return
        children = [subprocess.Popen([sys.executable, __file__, "--prepare-only", a]) for a in arguments]
        for child in children:
            child.wait()
        return
    for argument in arguments:
        measure(tuple(int(v) for v in argument.split(",")))
        torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
