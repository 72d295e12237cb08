"""Pictures and videos redacted: found, filled, looked at again, and filled more until nothing is left."""

from nflows_privacy.redaction.process import RedactFiles
from nflows_privacy.redaction.settings import Redaction
from nflows_privacy.redaction.sheets import redacted_sheets
from nflows_privacy.redaction.still import Redacted, redact_still

__all__ = ["RedactFiles", "Redacted", "Redaction", "redact_still", "redacted_sheets"]
