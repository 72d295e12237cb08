"""Faces and licence plates out of street scenes, provably."""
