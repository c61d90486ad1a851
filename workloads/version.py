"""The version of Limen, written into every export and checkpoint."""

VERSION = "0.1.0"
