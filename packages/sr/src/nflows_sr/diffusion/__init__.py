"""Stable Diffusion's U-Net as a prior for super-resolution."""
