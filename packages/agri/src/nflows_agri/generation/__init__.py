"""Generators of crops: adversarial ones and flows, each conditioned on the class."""
