"""Video files in and out, and regions linked over time."""

from nflows_privacy.video.filling import Filling
from nflows_privacy.video.finding import looked_at
from nflows_privacy.video.reading import opened
from nflows_privacy.video.redacting import find_in_video, redact_video

__all__ = ["Filling", "find_in_video", "looked_at", "opened", "redact_video"]
