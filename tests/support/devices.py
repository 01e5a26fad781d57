"""A colleague's device, over plain HTTP."""

from __future__ import annotations

from typing import Any

import httpx

from server.ops.demo.nodes import Place
from tests.support.processes import until


class Person:
    """A colleague's device, over plain HTTP."""

    def __init__(self, place: Place, token: str) -> None:
        self._http = httpx.AsyncClient(
            base_url=place.url + "/api/v1", headers={"Authorization": f"Bearer {token}"}
        )
        self._keys = 0

    async def close(self) -> None:
        await self._http.aclose()

    async def do(self, do: str, **arguments: Any) -> dict[str, Any]:
        self._keys += 1
        wish = {"key": f"device-key-{self._keys}", "command": {"do": do, **arguments}}
        response = await self._http.post("/commands", json=wish)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()["answer"]
        return answer

    async def get(self, path: str) -> Any:
        response = await self._http.get(path)
        assert response.status_code == 200, response.text
        return response.json()

    async def knows(self, post: str) -> None:
        async def there() -> bool:
            return (await self._http.get(f"/posts/{post}")).status_code == 200

        await until(f"the node has {post}", there)

    async def missing(self, request: str) -> list[str]:
        missing: list[str] = (await self.get(f"/erasures/{request}"))["erasure"]["missing"]
        return missing

    async def until_missing(self, request: str, *regions: str) -> None:
        async def so() -> bool:
            return await self.missing(request) == list(regions)

        await until(f"only {regions} is missing", so)
