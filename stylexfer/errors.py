"""Errors a person can act on.

Every message is written where the error is raised and says what to change. A front end shows
`str(error)` of any `StylexferError` as it is; every other exception is a bug.
"""


class StylexferError(Exception):
    """Something a person can fix; the message says how."""


class NoFaceFound(StylexferError):
    """A picture, or a whole clip, in which no face was found."""


class TooManyFaces(StylexferError):
    """Several faces where one is needed, and none was chosen."""


class UnreadableMedia(StylexferError):
    """A file that is no picture or video, or is damaged."""


class TooLong(StylexferError):
    """A clip over the limit of seconds."""


class TooLarge(StylexferError):
    """A file over the limit of bytes or pixels."""


class PackMismatch(StylexferError):
    """A pack whose files are not what its pack.json says, or do not fit together."""


class PackNotFound(StylexferError):
    """No pack under this name, path or Hub id."""


class HubRefused(StylexferError):
    """The Hub did not take what was pushed: no token, no rights, no connection."""


class HubUnreachable(HubRefused):
    """The Hub did not answer, or not as a Hub does: it may be there again later."""


class TermsNotAccepted(StylexferError):
    """Weights whose terms nobody has accepted."""
