"""Files that come by address: an agent or a script names a URL instead of sending bytes.

Gradio would fetch a URL of any size into memory. Here it is taken piece by piece, to a limit, and
only from public machines: neither this one nor its neighbours can be asked through the app.
"""

import asyncio
import ipaddress
import secrets
import socket
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import gradio as gr
import httpx
from gradio.components import Component
from gradio.processing_utils import PUBLIC_HOSTNAME_WHITELIST
from gradio.utils import get_upload_folder, is_in_or_equal
from safehttpx import AsyncSecureTransport, matches_domain_whitelist

from stylexfer.ui import texts

_SECONDS = 30.0  # for all of it
_REDIRECTS = 5
_SERVED = "/gradio_api/file="  # how this app serves what was uploaded to it


def _uploaded_here(url: str) -> str | None:
    """The path of an upload of ours that `url` shows; whoever knows it may use it."""
    _, found, path = urlsplit(url).path.partition(_SERVED)
    path = unquote(path)
    ours = found and is_in_or_equal(path, get_upload_folder()) and Path(path).is_file()
    return path if ours else None


async def _public_address(host: str) -> str:
    """An IP address of `host`; OSError where one of them is not of the public Internet."""
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    addresses = [ipaddress.ip_address(entry[4][0].partition("%")[0]) for entry in found]
    for address in addresses:
        inner = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None)
        if not (inner or address).is_global or address.is_multicast:
            raise OSError("not public")
    return str(addresses[0])


async def _fetched(url: str, folder: Path, limit: int) -> Path:
    """The file at `url`, of at most `limit` bytes, in `folder`. OSError, httpx.HTTPError."""
    for _ in range(_REDIRECTS + 1):
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise OSError("no web address")
        # The Hub's own hosts may have private addresses within a Space.
        if matches_domain_whitelist(parts.hostname, PUBLIC_HOSTNAME_WHITELIST):
            transport = None
        else:
            transport = AsyncSecureTransport(await _public_address(parts.hostname))
        async with (
            httpx.AsyncClient(transport=transport, trust_env=False, timeout=10) as client,
            client.stream("GET", url, follow_redirects=False) as answer,
        ):
            if answer.has_redirect_location:
                url = urljoin(url, answer.headers["Location"])
                continue
            answer.raise_for_status()
            name = Path(unquote(parts.path)).suffix[:8]
            path = folder / f"fetched{name if name[1:].isalnum() else ''}"
            await _written(answer, path, limit)
            return path
    raise OSError("too many redirects")


async def _written(answer: httpx.Response, path: Path, limit: int) -> None:
    size = 0
    path.parent.mkdir(parents=True)
    try:
        with path.open("wb") as file:
            async for piece in answer.aiter_bytes():
                if (size := size + len(piece)) > limit:
                    raise gr.Error(texts.ADDRESS_TOO_LARGE.format(limit=limit >> 20))
                file.write(piece)
    except BaseException:
        path.unlink()
        path.parent.rmdir()
        raise


def take_addresses(component: Component, limit: int) -> Component:
    """Let `component` take a URL in the place of an upload, of at most `limit` bytes."""
    by_path = component.async_move_resource_to_block_cache

    async def in_cache(where: str | Path | None) -> str | None:
        if not str(where or "").startswith(("http://", "https://")):
            return await by_path(where)
        if uploaded := _uploaded_here(where):
            return uploaded
        folder = Path(get_upload_folder()) / secrets.token_hex(16)
        try:
            path = str(await asyncio.wait_for(_fetched(where, folder, limit), _SECONDS))
        except gr.Error:
            raise
        except Exception as error:  # names that do not resolve, broken answers, slow ones
            raise gr.Error(texts.ADDRESS_REFUSED, print_exception=False) from error
        component.temp_files.add(path)
        return path

    component.async_move_resource_to_block_cache = in_cache
    return component
