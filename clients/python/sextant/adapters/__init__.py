# SPDX-License-Identifier: Apache-2.0
"""Loggers of training libraries. Each imports its library only when it is used."""
