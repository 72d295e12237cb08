"""Autoencoders of Stable Diffusion's shape, built of coupling layers or of residual blocks."""
