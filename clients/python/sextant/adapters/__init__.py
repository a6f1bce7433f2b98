"""Loggers of training libraries. Each imports its library only when it is used."""
