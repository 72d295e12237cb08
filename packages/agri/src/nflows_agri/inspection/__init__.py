"""Classifiers of crops: trained, applied, and what they say of the purity of a lot."""
