# SPDX-License-Identifier: Apache-2.0
"""Generates the messages of the API from the protos before anything is packed; the rest is in pyproject.toml."""
import pathlib
import shutil
import subprocess

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

HERE = pathlib.Path(__file__).resolve().parent
CHECKOUT = HERE.parent.parent / "proto"  # absent in an unpacked sdist, which brings the generated code


def generate() -> None:
    if not CHECKOUT.is_dir():
        return
    protos = sorted(file.relative_to(CHECKOUT).as_posix() for file in CHECKOUT.glob("sextant/v1/*.proto"))
    target = HERE / "sextant" / "v1"
    shutil.rmtree(target, ignore_errors=True)
    subprocess.run(["protoc", f"--proto_path={CHECKOUT}", f"--python_out={HERE}", *protos], check=True)
    (target / "__init__.py").write_text('"""Messages of the API, generated from proto/sextant/v1."""\n')


class BuildPy(build_py):
    def run(self):
        generate()
        super().run()


class Sdist(sdist):
    def run(self):
        generate()
        super().run()


setup(cmdclass={"build_py": BuildPy, "sdist": Sdist})
