"""Arithmetic on latents: interpolation between images, and edits along an attribute."""

from nflows_core.latents.attributes import MEASURES, attribute_values
from nflows_core.latents.directions import AttributeDirection, attribute_direction, edit
from nflows_core.latents.interpolation import interpolate, slerp
from nflows_core.latents.response import EditResponse, edit_response
from nflows_core.latents.stored import save_directions, stored_directions
from nflows_core.latents.table import AttributeTable, read_attributes
from nflows_core.latents.vectors import decode_vectors, encode_vectors

__all__ = [
    "MEASURES",
    "AttributeDirection",
    "AttributeTable",
    "EditResponse",
    "attribute_direction",
    "attribute_values",
    "decode_vectors",
    "edit",
    "edit_response",
    "encode_vectors",
    "interpolate",
    "read_attributes",
    "save_directions",
    "slerp",
    "stored_directions",
]
