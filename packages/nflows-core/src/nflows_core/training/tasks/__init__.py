"""Tasks for the `Trainer`: the likelihood of images and of vectors under a flow, autoencoders, restoration."""
