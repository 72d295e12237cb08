"""EXIF, XMP, IPTC and texts of a picture, with the policy that they are under."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from nflows_core.runtime.images.metadata import exif, iptc, texts, xmp_properties
from nflows_core.runtime.images.metadata.policy import Policy, check_policy


@dataclass(frozen=True)
class Metadata:
    """What is known of a picture's making; its place and its maker may be private.

    Arguments:
        exif: The block as files hold it (EXIF 3.0, section 4.5), of an upright picture, without a preview.
        xmp: The packet, XML in UTF-8, without what is untrue of a picture on its own.
        iptc: The datasets of IPTC-IIM.
        text: PNG's texts by keyword; the comment of JPEG and GIF is ``Comment``.
        earlier: Texts whose keyword another one of ``text`` has too, in order; of each keyword, ``text`` has the last.
        policy: What the metadata is under. `write_picture` writes nothing that it does not let through.
        left: The names of what the file held and nothing here holds, such as previews; `write_picture` names it too.
    """

    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    text: Mapping[str, str] = field(default_factory=dict)
    earlier: tuple[tuple[str, str], ...] = ()
    policy: Policy = field(default="keep", compare=False)
    left: tuple[str, ...] = field(default=(), compare=False)

    def under(self, policy: Policy) -> Metadata:
        """What of it ``policy`` lets through, besides what a policy before did.

        Raises:
            ValueError: There is no such policy.
        """
        check_policy(policy)
        if policy == "keep":
            return self
        return Metadata(
            self.exif and exif.allowed(self.exif, policy),
            self.xmp and xmp_properties.allowed(self.xmp, policy),
            self.iptc and iptc.allowed(self.iptc, policy),
            {key: text for key, text in self.text.items() if texts.is_allowed(key, text, policy)},
            tuple((key, text) for key, text in self.earlier if texts.is_allowed(key, text, policy)),
            stricter(self.policy, policy),
            self.left if self.policy != "keep" else (),  # what a policy takes away is not lost
        )

    def all_texts(self) -> list[tuple[str, str]]:
        """The texts with their keywords, those that a keyword repeats too."""
        return [*self.earlier, *self.text.items()]


def stricter(first: Policy, second: Policy) -> Policy:
    """The one of two policies that lets less through."""
    order: tuple[Policy, ...] = ("keep", "strip-gps", "strip-private", "strip")
    return max(first, second, key=order.index)
