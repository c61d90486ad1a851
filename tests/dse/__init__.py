"""Tests of dse."""
