"""Offline weights: pinned packages in, the folders that the engines load out, checked by sha256.

Owns where the laptop default's models come from and how they are converted. Loads no model to run
it: that is `deployments.engines`.
"""
