# SPDX-License-Identifier: Apache-2.0
"""Writes golden files next to it, from the descriptions of the formats: the binary ones, and some of text. Run it
after a change and commit both. Values are made up. The files are also the seeds of the fuzz targets.
"""
import json
import pathlib
import sqlite3
import struct
import zlib

HERE = pathlib.Path(__file__).parent


def write(name, content):
    path = HERE / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


# Protobuf's wire format.
def varint(value):
    out = b""
    while True:
        out += bytes([value & 0x7F | (0x80 if value > 0x7F else 0)])
        value >>= 7
        if value == 0:
            return out


def field(number, value):
    if isinstance(value, float):
        return varint(number << 3 | 1) + struct.pack("<d", value)
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def float32(number, value):
    return varint(number << 3 | 5) + struct.pack("<f", value)


# TensorBoard.
def masked_crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def tf_record(payload):
    length = struct.pack("<Q", len(payload))
    return length + struct.pack("<I", masked_crc32c(length)) + payload + struct.pack("<I", masked_crc32c(payload))


def event(wall_time, step, body):
    return tf_record(field(1, wall_time) + (field(2, step) if step else b"") + body)


def scalar(tag, value):
    return field(5, field(1, field(1, tag) + float32(2, value)))


def tensor(tag, value):
    proto = field(1, 1) + field(2, b"") + field(4, struct.pack("<f", value))
    return field(5, field(1, field(1, tag) + field(8, proto) + field(9, field(1, field(1, "scalars")))))


def hparams(values):
    entries = b""
    for key, value in values.items():
        entries += field(1, field(1, key) + field(2, field(2, value) if isinstance(value, float) else field(3, value)))
    content = field(3, entries)
    metadata = field(1, field(1, "hparams") + field(2, content))
    return field(5, field(1, field(1, "_hparams_/session_start_info") + field(9, metadata)))


def tensorboard():
    first = event(1000.0, 0, field(3, "brain.Event:2"))
    first += event(1000.5, 0, hparams({"learning_rate": 0.001, "batch_size_tokens": 1000.0, "optimizer": "adamw"}))
    for step, loss in [(100, 5.0), (200, 4.0), (300, 3.5)]:
        first += event(1000.0 + step, step, scalar("train/loss", loss))
    first += event(1300.0, 300, tensor("val/loss", 3.625))
    # The run was resumed at step 200, in a second file, whose last record is cut short.
    second = event(2000.0, 0, field(3, "brain.Event:2"))
    for step, loss in [(200, 3.75), (300, 3.25), (400, 3.0)]:
        second += event(2000.0 + step, step, tensor("train/loss", loss))
    second += event(2400.0, 400, scalar("val/loss", 3.125))
    second += event(2500.0, 500, scalar("train/loss", 9.0))[:-7]
    write("tensorboard/resumed/events.out.tfevents.1000000000.host.1.0", first)
    write("tensorboard/resumed/events.out.tfevents.1000002000.host.2.0", second)
    megatron = event(1000.0, 0, field(3, "brain.Event:2"))
    for step, loss in [(10, 8.0), (20, 7.0)]:
        megatron += event(1000.0 + step, step, scalar("lm loss", loss))
        megatron += event(1000.0 + step, step * 64, scalar("lm loss vs samples", loss))
    write("tensorboard/megatron/events.out.tfevents.1000000001.host.1.0", megatron)
    # Keras: a folder per split, steps that are epochs from 0, and one tag over iterations.
    for split, losses in [("train", [5.0, 4.5]), ("validation", [4.75, 4.25])]:
        events = event(1000.0, 0, field(3, "brain.Event:2"))
        for epoch, loss in enumerate(losses):
            events += event(1000.0 + epoch, epoch, tensor("epoch_loss", loss))
            if split == "validation":
                events += event(1000.5 + epoch, 50 * (epoch + 1), tensor("evaluation_loss_vs_iterations", loss))
        write(f"keras-tensorboard/logs/{split}/events.out.tfevents.1000000002.host.1.0.v2", events)


# W&B.
BLOCK = 32768


def wandb_log(records):
    out = b":W&B" + struct.pack("<HB", 0xBEE1, 0)
    for record in records:
        first = True
        while True:
            left = BLOCK - len(out) % BLOCK
            if left < 7:
                out += bytes(left)
                continue
            part, record = record[:left - 7], record[left - 7:]
            kind = (1 if not record else 2) if first else (4 if not record else 3)
            out += struct.pack("<IHB", zlib.crc32(bytes([kind]) + part), len(part), kind) + part
            first = False
            if not record:
                break
    return out


def item(key, value):
    keys = field(1, key) if isinstance(key, str) else b"".join(field(2, part) for part in key)
    return field(1, keys + field(16, value if isinstance(value, str) else json.dumps(value)))


def wandb():
    config = field(4, item("learning_rate", 0.002) + item("_wandb", {"cli_version": "0"}))
    records = [field(1, 1) + field(17, field(1, "abc123") + config + field(8, "happy-run-1"))]
    rows = [(0, 100, 4.5, None), (1, 200, 4.0, 4.25), (2, 300, float("nan"), None)]
    for number, (calls, step, train, evaluation) in enumerate(rows, 2):
        row = item("_step", calls) + item("iter", step) + item(("train", "nested"), 1) + item("train/loss", train)
        if evaluation is not None:
            row += item("val/loss", evaluation)
        records.append(field(1, number) + field(2, row))
        # A long record, which spans blocks.
        records.append(field(1, 90) + field(2, item("_step", calls) + item("note", "x" * 40000)))
    records.append(field(1, 99) + field(18, field(1, 1)))
    folder = "wandb/run-20260101_000000-abc123"
    log = wandb_log(records)
    write(f"{folder}/run-abc123.wandb", log)
    write(f"{folder}/files/config.yaml",
          "wandb_version: 1\n\n_wandb:\n    desc: null\n    value:\n        cli_version: 0.17.0\n"
          "learning_rate:\n    desc: null\n    value: 0.001\nbatch_size_tokens:\n    desc: null\n    value: 1000\n"
          "model:\n    desc: null\n    value:\n        params_total: 2000000.0\n        layers:\n        - 1\n        - 2\n")
    write(f"{folder}/files/wandb-summary.json", '{"_step": 2}\n')
    write("wandb-history/wandb-history.jsonl",
          '{"_step": 1200, "_runtime": 843.2, "_timestamp": 1764000843.2, "train/loss": 3.071, "lr": 0.00058, '
          '"throughput/total_tokens": 629145600}\n'
          '{"_step": 1250, "_runtime": 880.9, "_timestamp": 1764000880.9, "eval/loss": 3.118}\n'
          '{"_step": 1300, "train/loss": Infinity, "throughput/total_tokens": 681574400}\n')
    write("wandb-chart/chart.csv",
          '"Step","d12 - lr6e-4 - val/loss","d12 - lr6e-4 - val/loss__MIN","d12 - lr6e-4 - val/loss__MAX",'
          '"b - val/loss","b - val/loss__MIN","b - val/loss__MAX"\n'
          '"500","3.742","3.742","3.742","3.5","3.4","3.6"\n"1000","3.5","3.5","3.5","","",""\n')
    write("wandb-table/runs.csv",
          '"Name","State","Created","lr","params_total","tokens","val_loss"\n'
          '"a","finished","2026-01-01","0.001","1000000","20000000","3.5"\n'
          '"b","crashed","2026-01-01","0.002","1000000","10000000","NaN"\n')


def text_logs():
    write("llmc/main.log",
          "s:0 tel:11.0101\ns:0 eval:0.2511\ns:0 trl:11.0000 lr:0.000001 norm:15.00\n"
          "s:249 trl:4.6100 lr:0.000214 norm:0.70\ns:250 tel:4.6127\ns:250 trl:4.5983 lr:0.000214 norm:0.71\n")
    write("llmc-output/train.txt",
          "+-----------------------+----------------------------------------------------+\n"
          "| micro batch size B    | 64                                                 |\n"
          "| sequence length T     | 1024                                               |\n"
          "| total batch size      | 524288                                             |\n"
          "| LR scheduler          | cosine                                             |\n"
          "| learning rate (LR)    | 6.000000e-04                                       |\n"
          "| warmup iterations     | 700                                                |\n"
          "| final LR fraction     | 1.000000e-01                                       |\n"
          "| weight decay          | 1.000000e-01                                       |\n"
          "+-----------------------+----------------------------------------------------+\n"
          "val loss 11.010000\n"
          "step    1/18865 | loss 11.000000 (+nanz)| norm 15.0000 (+nanz)| lr 8.57e-07 | 196.31 ms | 48.9% bf16 MFU "
          "| 2670115 tok/s\n"
          "skipping update due to loss z-score of 6.100000\n"
          "step  250/18865 | loss 4.598312 (-0.21z)| norm 0.7102 (+0.10z)| lr 2.14e-04 | 196.31 ms | 48.9% bf16 MFU "
          "| 2670115 tok/s\n"
          "val loss 4.612700\n"
          "step  251/18865 | loss -nan (+nanz)| norm nan (+nanz)| lr 2.15e-04 | 196.31 ms | 48.9% bf16 MFU | 1 tok/s\n")
    write("nanogpt/train.txt",
          "Overriding: learning_rate = 6e-4\nOverriding: block_size = 1024\ntokens per iteration will be: 491,520\n"
          "number of parameters: 123.59M\n"
          "step 0: train loss 10.9870, val loss 10.9880\niter 0: loss 10.9900, time 25000.00ms, mfu -100.00%\n"
          "step 2000: train loss 3.4210, val loss 3.4305\niter 2000: loss 3.3987, time 251.88ms, mfu 41.20%\n")
    line = ("elapsed time per iteration (ms): 812.4 | learning rate: {rate} | global batch size:   512 | lm loss: "
            "{loss} | loss scale: 1.0 | grad norm: 0.412 | number of skipped iterations:   0 | number of nan "
            "iterations:   0 |\n")
    write("megatron/log.txt",
          "[default0]:------------------------ arguments ------------------------\n"
          "[default0]:  seq_length ...................................... 2048\n"
          "[default0]:  seed ............................................ 1234\n"
          " [2026-01-05 11:02:33.104522] iteration     1100/   20000 | consumed samples:       563200 | "
          + line.format(rate="2.900000E-04", loss="3.300000E+00")
          + "[default7]: iteration     1200/   20000 | consumed samples:       614400 | "
          + line.format(rate="2.850000E-04", loss="3.207411E+00")
          + "-----------------------------------------------------------------------------------\n"
          " validation loss at iteration 1200 on validation set | lm loss value: 3.118204E+00 | lm loss PPL: "
          "2.260571E+01 |\n"
          " validation loss at iteration 1200 on test set | lm loss value: 9.0E+00 | lm loss PPL: 8.1E+03 |\n"
          "-----------------------------------------------------------------------------------\n")
    write("steplaw-fork/train_log_2.txt",
          "2025-01-01 00:00:00 | INFO     | megatron.core.trainerv2:training_log:12 - iter      10/   200 | consumed "
          "samples: 640 | lm loss only: 5.5E+00 | learning rate: 1.0E-03 |\n"
          "2025-01-01 00:00:10 | INFO     | megatron.core.trainerv2:training_log:12 - iter      20/   200 | consumed "
          "samples: 1280 | lm loss: 5.25E+00 | learning rate: 9.0E-04 |\n")


def trainer_state():
    def state(step, rows):
        return json.dumps({"best_metric": None, "epoch": step / 5000, "global_step": step, "log_history": rows,
                           "max_steps": 600, "num_input_tokens_seen": 0, "total_flos": 1e15 * step,
                           "train_batch_size": 8}, indent=2, sort_keys=True) + "\n"
    rows = [{"epoch": 0.06, "grad_norm": float("nan"), "learning_rate": 0.0003, "loss": 4.1, "step": 300},
            {"epoch": 0.06, "eval_loss": 4.0, "eval_runtime": 41.2, "step": 300},
            {"epoch": 0.12, "grad_norm": 0.83, "learning_rate": 0.00028, "loss": 3.4127, "step": 600},
            {"epoch": 0.12, "eval_loss": 3.3981, "eval_runtime": 41.2, "eval_wiki_loss": 3.0, "step": 600},
            {"epoch": 0.12, "step": 600, "train_loss": 3.9, "train_runtime": 99.0, "total_flos": 1.0}]
    write("trainer-state/checkpoint-300/trainer_state.json", state(300, rows[:2]))
    write("trainer-state/checkpoint-600/trainer_state.json", state(600, rows))


def tables():
    write("lightning/version_0/metrics.csv",
          "epoch,lr-AdamW,step,train_loss,val_loss\r\n0,0.0003,49,4.812,\r\n0,,49,,4.655\r\n0,0.0002,99,4.5,\r\n")
    write("lightning/version_0/hparams.yaml", "batch_size_tokens: 10\nmodel:\n  params: 5\noptimizer: adamw\n")
    write("steplaw/dense.csv",
          "h,ffnh,numh,numl,lr,bs,ti,loss,smooth loss,exp_name,D,N,D/N\n"
          "1024,2816,16,12,0.001381,128,38147,2.701,2.6935,demo_h1024_lr1.381e-03_bs128_mlr1.00e-05,10000000000,"
          "154140672,64.9\n"
          "1024,2816,16,12,0.011,128,38147,11.09,11.08,demo_h1024_lr1.1e-02_bs128_mlr1.00e-05,10000000000,154140672,"
          "64.9\n")
    columns = ("h,ffnh,numh,numl,lr,bs,ti,loss,smooth loss,exp_name,D,N,D/N,seq_len,topk,nume,moeh,sed,"
               "average_iter_time,target_iter,final_iter,moe_layer_enum_type,mfa_version,numld,Nattn,Na,M,kvcache,"
               "total_time,Na/N,moe_name")
    write("steplaw/moe.csv", columns + "\n"
          "1024,2816,16,12,0.001,64,1000,3.1,3.05,moe_demo,262144000,2000000000,0.13,4096,2,8,704,0,1.5,1000,1000,all,1,"
          "0,100000000,500000000,1.0,1,1500,0.25,demo\n")
    write("olmo/ladder.csv",
          "_step,train/CrossEntropyLoss,eval/c4/CrossEntropyLoss,throughput/total_tokens,"
          "throughput/total_training_Gflops,optim/learning_rate_group0,learning_rate_peak,batch_size_in_tokens\n"
          "100,5.5,,400000,2400,0.0005,0.001,4000\n200,5.0,5.1,800000,4800,0.001,0.001,4000\n")
    write("jsonl/history.jsonl",
          '{"run":"d512-b128","step":400,"tokens":52428800,"split":"validation","loss":3.913,"lr":0.0011}\n'
          '{"run":"d512-b128","step":400,"tokens":52428800,"split":"train","loss":3.95}\n'
          '{"run":"d512-b256","step":200,"tokens":52428800,"split":"validation","loss":NaN}\n')
    write("jsonl/runs.jsonl",
          '{"run_id":"a","params_total":1e6,"tokens":2e7,"learning_rate":0.001,"loss_nats":3.5,"curve":{"step":["1","2"],'
          '"train_loss":[5.5,5.25]}}\n{"run_id":"b","params_total":1e6,"tokens":2e7,"loss_nats":"NaN"}\n')
    write("csv/runs.csv", "run_id,params_total,tokens,learning_rate,loss_nats\na,1e6,2e7,0.001,3.5\nb,1e6,2e7,0.002,inf\n")
    config = {"lr": 0.0011, "model": {"depth": 4}, "seed": 3}
    rows = [{"training_iteration": i, "loss": 5.0 - i, "time_total_s": 1.0 * i, "trial_id": "t1", "config": config}
            for i in (1, 2)]
    write("ray/trial_1/result.json", "".join(json.dumps(row) + "\n" for row in rows))
    write("ray/trial_1/params.json", json.dumps(config))
    write("ray/trial_1/progress.csv", "training_iteration,loss\n1,4.0\n2,3.0\n")
    write("marin/tracker_metrics.jsonl",
          json.dumps({"config": {"optimizer": {"learning_rate": 0.003}, "seed": 7},
                      "summary": {"_step": 999, "throughput/total_tokens": 4096000, "throughput/total_gflops": 2.5e6,
                                  "parameter_count": 1250000, "eval/loss": 3.25, "train/loss": 3.3}}) + "\n")


RUN = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"


def mlflow():
    base = f"mlflow/mlruns/0/{RUN}"
    meta = ("artifact_uri: mlruns/0/x/artifacts\nend_time: 1764000100000\nexperiment_id: '0'\nlifecycle_stage: {stage}\n"
            "run_id: {run}\nrun_name: brave-owl-1\nstart_time: 1764000000000\nstatus: {status}\n")
    write("mlflow/mlruns/0/meta.yaml", "experiment_id: '0'\nlifecycle_stage: active\nname: Default\n")
    write(f"{base}/meta.yaml", meta.format(run=RUN, stage="active", status=4))
    write(f"{base}/metrics/train/loss",
          "1764000000123 3.9421 100\n1764000031877 3.7710 200\n1764000041877 nan 300 0 extra\nbroken\n")
    write(f"{base}/metrics/val_loss", "1764000031877 3.8 200\n")
    write(f"{base}/metrics/old", "1764000000 1.5\n")
    write(f"{base}/params/learning_rate", "0.0006")
    write(f"{base}/params/batch_size_tokens", "1000\n")
    write(f"{base}/tags/mlflow.user", "someone")
    deleted = "mlflow/mlruns/0/ffffffffffffffffffffffffffffffff"
    write(f"{deleted}/meta.yaml", meta.format(run="f" * 32, stage="deleted", status=3))
    write(f"{deleted}/metrics/loss", "1 1.0 1\n")
    trash = "mlflow/mlruns/.trash/1/eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"
    write(f"{trash}/meta.yaml", meta.format(run="e" * 32, stage="active", status=3))
    write(f"{trash}/metrics/loss", "1 1.0 1\n")


def database(name, script):
    path = HERE / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA page_size = 512")
        connection.executescript(script)
    connection.close()


def databases():
    largest = "1.7976931348623157e308"
    database("mlflow-sqlite/mlflow.db", f"""
CREATE TABLE experiments (experiment_id INTEGER PRIMARY KEY, name VARCHAR(256), lifecycle_stage VARCHAR(32));
CREATE TABLE runs (run_uuid VARCHAR(32) PRIMARY KEY, name VARCHAR(250), status VARCHAR(9), start_time BIGINT,
  end_time BIGINT, lifecycle_stage VARCHAR(20), experiment_id INTEGER);
CREATE TABLE metrics (key VARCHAR(250), value FLOAT NOT NULL, timestamp BIGINT NOT NULL, step BIGINT DEFAULT 0,
  is_nan BOOLEAN DEFAULT 0, run_uuid VARCHAR(32));
CREATE INDEX index_metrics_run_uuid ON metrics (run_uuid);
CREATE TABLE params (key VARCHAR(250), value VARCHAR(8000), run_uuid VARCHAR(32));
CREATE TABLE tags (key VARCHAR(250), value VARCHAR(5000), run_uuid VARCHAR(32));
INSERT INTO experiments VALUES (0, 'sweep', 'active');
INSERT INTO runs VALUES ('run1', 'fine-fox', 'FINISHED', 1, 2, 'active', 0), ('run2', 'wild-cat', 'FAILED', 2, 3, 'active', 0),
  ('run3', 'gone', 'FINISHED', 3, 4, 'deleted', 0);
INSERT INTO metrics VALUES ('train/loss', 4.5, 1000, 100, 0, 'run1'), ('train/loss', 0, 1001, 200, 1, 'run1'),
  ('val_loss', 4.25, 1002, 200, 0, 'run1'), ('train/loss', 5.5, 1000, 100, 0, 'run2'),
  ('val_loss', {largest}, 1001, 100, 0, 'run2'), ('loss', 1.0, 1, 1, 0, 'run3');
INSERT INTO params VALUES ('learning_rate', '0.001', 'run1'), ('batch_size_tokens', '1000', 'run1'),
  ('learning_rate', '0.1', 'run2'), ('batch_size_tokens', '1000', 'run2');
INSERT INTO tags VALUES ('mlflow.runName', 'renamed-fox', 'run1');
""")
    database("trackio/project.db", """
CREATE TABLE metrics (id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp TEXT NOT NULL, run_name TEXT NOT NULL,
  step INTEGER NOT NULL, metrics TEXT NOT NULL);
CREATE TABLE configs (id INTEGER PRIMARY KEY AUTOINCREMENT, run_name TEXT NOT NULL, config TEXT NOT NULL,
  created_at TEXT NOT NULL, UNIQUE(run_name));
INSERT INTO configs (run_name, config, created_at) VALUES
  ('brave-run-0', '{"learning_rate": 0.002, "batch_size_tokens": 1000, "max_steps": 20}', '');
INSERT INTO metrics (timestamp, run_name, step, metrics) VALUES
  ('', 'brave-run-0', 0, '{"train/loss": 5.5, "global_step": 10}'),
  ('', 'calm-run-1', 0, '{"loss": 4.5}'), ('', 'calm-run-1', 1, '{"loss": "NaN"}'),
  ('', 'brave-run-0', 1, '{"train/loss": 5.0, "val_loss": 5.1, "global_step": 20}');
""")
    # Since run ids came in: a name twice, rows from before without an id, and JSON as a blob.
    database("trackio-ids/project.db", """
CREATE TABLE metrics (id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp TEXT NOT NULL, run_id TEXT, run_name TEXT NOT NULL,
  step INTEGER NOT NULL, metrics TEXT NOT NULL, log_id TEXT, space_id TEXT);
CREATE TABLE configs (id INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT, run_name TEXT NOT NULL, config TEXT NOT NULL,
  created_at TEXT NOT NULL);
INSERT INTO configs (run_id, run_name, config, created_at) VALUES
  ('0123456789abcdef', 'baseline', CAST('{"learning_rate": 0.002}' AS BLOB), ''),
  ('fedcba9876543210', 'baseline', CAST('{"learning_rate": 0.004}' AS BLOB), '');
INSERT INTO metrics (timestamp, run_id, run_name, step, metrics) VALUES
  ('', NULL, 'old', 0, '{"loss": 7.5}'), ('', NULL, 'old', 1, '{"loss": 7.0}'),
  ('', '0123456789abcdef', 'baseline', 0, CAST('{"loss": 5.5}' AS BLOB)),
  ('', 'fedcba9876543210', 'baseline', 0, CAST('{"loss": 4.5}' AS BLOB)),
  ('', '0123456789abcdef', 'baseline', 1, CAST('{"loss": 5.0}' AS BLOB)),
  ('', 'fedcba9876543210', 'baseline', 1, CAST('{"loss": 4.0}' AS BLOB));
""")
    database("optuna/study.db", """
CREATE TABLE studies (study_id INTEGER PRIMARY KEY, study_name VARCHAR(512));
CREATE TABLE study_directions (study_direction_id INTEGER PRIMARY KEY, direction VARCHAR(8), study_id INTEGER,
  objective INTEGER);
CREATE TABLE trials (trial_id INTEGER PRIMARY KEY, number INTEGER, study_id INTEGER, state VARCHAR(8),
  datetime_start DATETIME, datetime_complete DATETIME);
CREATE TABLE trial_params (param_id INTEGER PRIMARY KEY, trial_id INTEGER, param_name VARCHAR(512), param_value FLOAT,
  distribution_json TEXT);
CREATE TABLE trial_values (trial_value_id INTEGER PRIMARY KEY, trial_id INTEGER, objective INTEGER, value FLOAT,
  value_type VARCHAR(7));
CREATE TABLE trial_intermediate_values (id INTEGER PRIMARY KEY, trial_id INTEGER, step INTEGER, intermediate_value FLOAT,
  intermediate_value_type VARCHAR(7));
CREATE TABLE trial_user_attributes (id INTEGER PRIMARY KEY, trial_id INTEGER, key VARCHAR(512), value_json TEXT);
INSERT INTO studies VALUES (1, 'lr'), (2, 'accuracy');
INSERT INTO study_directions VALUES (1, 'MINIMIZE', 1, 0), (2, 'MAXIMIZE', 2, 0);
INSERT INTO trials VALUES (1, 0, 1, 'COMPLETE', '', ''), (2, 1, 1, 'PRUNED', '', ''), (3, 2, 1, 'COMPLETE', '', ''),
  (4, 3, 1, 'WAITING', NULL, NULL), (5, 0, 2, 'COMPLETE', '', '');
INSERT INTO trial_params VALUES
  (1, 1, 'lr', 0.001, '{"name": "FloatDistribution", "attributes": {"low": 1e-5, "high": 0.1, "log": true}}'),
  (2, 1, 'batch_size_tokens', 1, '{"name": "CategoricalDistribution", "attributes": {"choices": [1000, 2000]}}'),
  (3, 2, 'lr', 0.01, '{}'), (4, 3, 'lr', 0.1, '{}'), (5, 5, 'lr', 0.1, '{}');
INSERT INTO trial_values VALUES (1, 1, 0, 3.5, 'FINITE'), (2, 3, 0, NULL, 'INF_POS'), (3, 5, 0, 0.9, 'FINITE');
INSERT INTO trial_intermediate_values VALUES (1, 1, 10, 5.5, 'FINITE'), (2, 1, 20, 4.5, 'FINITE'),
  (3, 2, 10, NULL, 'NAN');
INSERT INTO trial_user_attributes VALUES (1, 1, 'seed', '17');
""")


tensorboard()
wandb()
text_logs()
trainer_state()
tables()
mlflow()
databases()
