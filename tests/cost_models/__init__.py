"""Tests of cost_models."""
