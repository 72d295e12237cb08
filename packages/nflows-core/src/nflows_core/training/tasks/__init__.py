"""Tasks for the `Trainer`: the likelihood under a flow, autoencoders, restoration, classification."""
