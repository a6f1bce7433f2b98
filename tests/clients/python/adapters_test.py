#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Adapters get the calls that their libraries make; the libraries themselves are not in Debian, so stand-ins with their
documented interfaces are used."""
import importlib.util
import pathlib
import subprocess
import sys
import tempfile
import types
import unittest

import package
import sextant


def module(name, **contents):
    made = types.ModuleType(name)
    vars(made).update(contents)
    sys.modules[name] = made
    return made


class AdaptersTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)
        self.server = package.Server(self.folder)
        self.server.start()
        self.addCleanup(self.server.stop)
        self.options = {"server": self.server.address, "spool_folder": self.folder, "name": "r",
                        "config": {"batch_size_tokens": 8, "params_non_embedding": 1e6}}

    def stored(self):
        runs = sextant.runs("mine", server=self.server.address)
        return {name: column[0] for name, column in runs.items()}, sextant.curve("mine", "r", server=self.server.address)

    def test_importing_adapters_imports_no_library(self):
        code = ("import sys, sextant.adapters.huggingface, sextant.adapters.lightning, sextant.adapters.torchtitan\n"
                "print({'transformers', 'lightning', 'torchtitan', 'torch'} & set(sys.modules))")
        done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(pathlib.Path(sextant.__file__).parents[1])}, capture_output=True,
                              text=True, check=True)
        self.assertEqual(done.stdout.strip(), "set()")

    def test_hugging_face(self):
        from sextant.adapters.huggingface import SextantCallback
        module("transformers", TrainerCallback=object)
        self.addCleanup(sys.modules.pop, "transformers")
        callback = SextantCallback("mine", **self.options)
        arguments = types.SimpleNamespace(learning_rate=1e-3, weight_decay=0.1, adam_beta2=0.95, seed=3,
                                          lr_scheduler_type=types.SimpleNamespace(value="cosine"))
        state = types.SimpleNamespace(is_world_process_zero=True, global_step=0, max_steps=20)
        callback.on_train_begin(arguments, state, None)
        for state.global_step in (10, 20):
            callback.on_log(arguments, state, None, logs={"loss": 30.0 / state.global_step, "learning_rate": 1e-3})
        callback.on_log(arguments, state, None, logs={"eval_loss": 1.25})
        callback.on_log(arguments, state, None, logs={"train_runtime": 9.0, "train_loss": 2.25})
        callback.on_train_end(arguments, state, None)
        fields, curve = self.stored()
        self.assertEqual((fields["state"], fields["loss_nats"], fields["schedule"]), ("FINISHED", 1.25, "cosine"))
        self.assertEqual((list(curve["step"]), list(curve["train_loss"])), ([10, 20], [3.0, 1.5]))

    def test_lightning(self):
        from sextant.adapters.lightning import SextantLogger
        for name in ("lightning", "lightning.pytorch", "lightning.pytorch.loggers"):
            module(name)
        module("lightning.pytorch.loggers.logger", Logger=object, rank_zero_experiment=lambda function: function)
        module("lightning.pytorch.utilities", rank_zero_only=lambda function: function)
        self.addCleanup(lambda: [sys.modules.pop(name) for name in list(sys.modules) if name.startswith("lightning")])
        logger = SextantLogger("mine", **self.options)
        logger.log_hyperparams({"weight_decay": 0.1})
        logger.log_metrics({"train_loss": 3.0}, step=1)
        logger.log_metrics({"val_loss": 2.0}, step=1)
        logger.finalize("success")
        fields, curve = self.stored()
        self.assertEqual((fields["state"], fields["weight_decay"], fields["loss_nats"]), ("FINISHED", 0.1, 2.0))
        self.assertEqual(list(curve["validation_loss"]), [2.0])

    def test_torchtitan(self):
        from sextant.adapters.torchtitan import SextantLogger
        logger = SextantLogger("mine", **self.options)
        logger.log({"loss_metrics/global_avg_loss": 3.0, "lr": 1e-3, "n_tokens_seen": 80}, step=10)
        logger.close()
        _, curve = self.stored()
        self.assertEqual((list(curve["train_loss"]), list(curve["tokens"])), ([3.0], [80]))

    @unittest.skipUnless(importlib.util.find_spec("torch"), "python3-torch is not installed")
    def test_a_plain_loop_of_torch(self):
        import torch
        torch.manual_seed(0)
        model = torch.nn.Linear(4, 1)
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 20)
        run = sextant.init(study="mine", **self.options)
        for step in range(1, 21):
            x = torch.randn(64, 4)
            loss = torch.nn.functional.mse_loss(model(x), x.sum(1, keepdim=True))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            # As they come: a tensor with a gradient, and torch's own numbers.
            run.log({"train_loss": loss, "learning_rate": schedule.get_last_lr()[0]}, step=step)
        run.finish(loss=loss.detach())
        fields, curve = self.stored()
        self.assertEqual((fields["state"], list(curve["step"])), ("FINISHED", list(range(1, 21))))
        self.assertAlmostEqual(fields["loss_nats"], float(loss.detach()), places=5)
        self.assertAlmostEqual(curve["train_loss"][-1], float(loss.detach()), places=5)
        self.assertIsNotNone(loss.grad_fn, "logging took the graph away")


if __name__ == "__main__":
    unittest.main()
