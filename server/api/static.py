"""The built web client: from the installed package, else from the checkout, else a page that says how.

Assets carry a hash of their content in their names and are kept for ever; index.html is asked for anew
each time. Every other path without a file is a page of the client (``/c/<id>``) and gets index.html.
"""

from importlib.resources import files
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

IMMUTABLE = "public, max-age=31536000, immutable"
REVALIDATE = "no-cache"
ASSETS = "assets/"
NOT_BUILT = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Tap</title></head>
<body><h1>Tap runs, but its web client is not built</h1>
<p>In a checkout, run <code>make setup</code> and load this page again. The API under
<code>/api/v1</code> works without it.</p></body></html>
"""


def folder_of_client() -> Path | None:
    """Where the built client is; None when there is none."""
    package = Path(str(files("server"))) / "web"
    checkout = Path(__file__).parents[2] / "clients" / "web" / "dist"
    return next((path for path in (package, checkout) if (path / "index.html").is_file()), None)


class WebClient(StaticFiles):
    """Files of the client; unknown pages get index.html, unknown files 404."""

    def __init__(self, folder: Path | None) -> None:
        self._built = folder is not None and (folder / "index.html").is_file()
        super().__init__(directory=folder if self._built else None, check_dir=False)

    async def get_response(self, path: str, scope: Scope) -> Response:
        if scope["method"] not in ("GET", "HEAD"):
            raise HTTPException(405)
        if not self._built:
            return Response(NOT_BUILT, 503, media_type="text/html")
        try:
            response = await super().get_response(path, scope)
        except HTTPException as error:
            if error.status_code != 404 or _is_file(path):
                raise
            response = await super().get_response("index.html", scope)
        return self._kept(path, response)

    @staticmethod
    def _kept(path: str, response: Response) -> Response:
        is_asset = path.startswith(ASSETS) and isinstance(response, FileResponse)
        response.headers["Cache-Control"] = IMMUTABLE if is_asset else REVALIDATE
        return response


def _is_file(path: str) -> bool:
    """Below assets, or at the top with an extension, a file should be there; the rest are pages.

    A page may end in a name with a dot: ``/p/asha.rao``; the front page comes as a lone dot."""
    return path.startswith(ASSETS) or ("." in path and "/" not in path and path != ".")
