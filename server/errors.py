"""Errors that the service answers with.

::

    KerbwatchError
    └── ServerError                 carries a problem slug, an HTTP status and a title in both languages
        ├── Unauthorised  401       nobody, or a token or cookie nobody knows
        ├── Forbidden     403       somebody, but not allowed this
        ├── NotFound      404
        ├── Conflict      409       the same name for something else, or a stale version
        ├── Gone          410       an upload that expired
        ├── TooLarge      413
        ├── Refused       422       understood, and wrong
        ├── UploadBroken  460       the finished upload does not have the hash it was declared with
        ├── TooMany       429       slow down; carries seconds to wait
        ├── Busy          503       try again later; carries seconds to wait
        └── NoSpace       507       the disk is full; carries seconds to wait

    InputError
    └── SettingsError               the service cannot start this way

Every one of them is answered as RFC 9457 problem+json by `server.api.problems`.
"""

from __future__ import annotations

from detector.errors import InputError, KerbwatchError
from detector.vocabulary import Text


class SettingsError(InputError):
    """The service cannot start with these settings; the message names the setting and the fix."""


class ServerError(KerbwatchError):
    """A request that is answered with an error.

    Args:
        detail: what is wrong with this request, for the log and for the client.
        slug: stable name of the problem; ends the problem's ``type`` URI.
        title: the kind of problem in both languages; the class has a general one.
        extra: further members of the problem object, e.g. the id that is in the way.
    """

    status: int = 500
    slug: str = "server-error"
    title: Text = Text("服务器错误", "Server error")
    retry_after_s: int | None = None

    def __init__(
        self,
        detail: str,
        *,
        slug: str | None = None,
        title: Text | None = None,
        extra: dict[str, str | int] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.slug = slug or type(self).slug
        self.title = title or type(self).title
        self.extra = extra or {}


class BadRequest(ServerError):
    """The request cannot be read."""

    status = 400
    slug = "bad-request"
    title = Text("请求格式错误", "Bad request")


class Unauthorised(ServerError):
    """Nobody, or a token or cookie that nobody knows."""

    status = 401
    slug = "unauthorised"
    title = Text("未登录或令牌无效", "Not signed in, or an unknown token")


class Forbidden(ServerError):
    """Known, but not allowed this."""

    status = 403
    slug = "forbidden"
    title = Text("没有权限", "Not allowed")


class NotFound(ServerError):
    """There is no such thing, or it is not yours."""

    status = 404
    slug = "not-found"
    title = Text("未找到", "Not found")


class Conflict(ServerError):
    """The same name for something else, or a version that is no longer the newest."""

    status = 409
    slug = "conflict"
    title = Text("冲突", "Conflict")


class Gone(ServerError):
    """It was here, and has expired."""

    status = 410
    slug = "gone"
    title = Text("已过期", "Expired")


class PreconditionFailed(ServerError):
    """The client speaks another version of the protocol."""

    status = 412
    slug = "precondition-failed"
    title = Text("协议版本不符", "Another protocol version")


class TooLarge(ServerError):
    """More bytes than the service takes."""

    status = 413
    slug = "too-large"
    title = Text("内容过大", "Too large")


class UnsupportedMedia(ServerError):
    """Another content type is needed."""

    status = 415
    slug = "unsupported-media"
    title = Text("内容类型不符", "Unsupported content type")


class Refused(ServerError):
    """Understood, and wrong."""

    status = 422
    slug = "refused"
    title = Text("内容有误", "Refused")


class UploadBroken(ServerError):
    """A finished upload is not the file it was declared to be; it has been discarded."""

    status = 460
    slug = "upload-broken"
    title = Text("上传内容与声明不符", "Upload does not match its declaration")


class TooMany(ServerError):
    """Too many tries; wait `retry_after_s`."""

    status = 429
    slug = "too-many"
    title = Text("尝试过于频繁", "Too many tries")

    def __init__(self, detail: str, *, retry_after_s: int) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class Busy(ServerError):
    """Try again later."""

    status = 503
    slug = "busy"
    title = Text("服务繁忙，请稍后重试", "Busy, try again later")
    retry_after_s = 5


class NoSpace(ServerError):
    """The disk is full: nothing was stored and nothing acknowledged."""

    status = 507
    slug = "no-space"
    title = Text("存储空间不足", "No space left")
    retry_after_s = 60
